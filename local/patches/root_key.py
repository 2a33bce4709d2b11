"""Every caller signs each request with a secret key, and the signature is verified.

MiniStack: `test`, any account id, the key in its own environment and no key at all are the root's, and the signature is not verified. A
function's secret key can be computed from its ARN and its role's.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hmac
import os
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, sts

from . import replaces

SECRET = os.environ["AWS_SECRET_ACCESS_KEY"]  # of the root, which local.aws makes for each run
ROOT = {"Arn": "arn:aws:iam::000000000000:root", "AccountId": "000000000000", "UserId": "000000000000", "PrincipalType": "Root"}
# A session that needs no token and does not end: any other key belongs to a user or a role.
sts._sessions[os.environ["AWS_ACCESS_KEY_ID"]] = {**ROOT, "SecretAccessKey": SECRET, "SessionToken": None}
_credentials = lambda_runtime.execution_credentials


@replaces(sts, "is_root_access_key", "e6ae3b633355")
@replaces(iam_evaluator, "is_root_access_key", "e6ae3b633355")
def is_root_access_key(access_key_id: str) -> bool:
    return False


@replaces(lambda_svc, "execution_credentials", "cffaadc4f396")
@replaces(lambda_runtime, "execution_credentials", "cffaadc4f396")
def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = _credentials(config)
    key = found["AWS_ACCESS_KEY_ID"]
    sts._sessions[key]["SecretAccessKey"] = secret = hmac.new(SECRET.encode(), key.encode(), "sha256").hexdigest()
    return {**found, "AWS_SECRET_ACCESS_KEY": secret}
