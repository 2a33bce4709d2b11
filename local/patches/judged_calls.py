"""CloudTrail records a user's calls, and IAM Access Analyzer makes policies from them.

MiniStack: Its trail names operations, not IAM actions. Here each decision is a line in a file: access key, action, resource.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-generation.html
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

from . import replaces

_enforce = iam_evaluator.enforce
_file = Path(tempfile.gettempdir()) / "judged-calls"


@replaces(iam_evaluator, "enforce", "cf64b1ee5b09")
def enforce(access_key: str, action: str, service: str, region: str, resource_arn: str = "*", **context: Any) -> Any:
    if access_key.startswith("AKIA"):  # a user: neither the root nor a role
        with _file.open("a") as file:
            file.write(f"{access_key} {action} {resource_arn}\n")
    return _enforce(access_key, action, service, region, resource_arn, **context)
