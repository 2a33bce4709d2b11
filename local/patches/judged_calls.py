"""What a user's calls were judged by can be looked up, as in CloudTrail, from which IAM Access Analyzer makes policies. MiniStack's trail
names operations, not actions. A line for each call in a file of this AWS's folder: the user's access key, the action, the resource.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-generation.html
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
