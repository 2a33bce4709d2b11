"""The condition key aws:PrincipalArn of a role's session is the role's ARN, path included.

MiniStack: It is the session's ARN.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

from . import replaces

_resolve = iam_evaluator._resolve_condition_key


@replaces(iam_evaluator, "_resolve_condition_key", "15e26964cd38")
def resolve(key: str, context: Any) -> Any:
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        role = iam._roles.get(iam_evaluator._role_name_from_assumed_arn(context.principal_arn))
        return role["Arn"] if role else context.principal_arn
    return _resolve(key, context)
