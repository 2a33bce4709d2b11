"""SendMessageBatch is authorised as sqs:SendMessage; other batch calls likewise.

MiniStack: It wants an action named after the batch call.
Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions

from . import replaces

_extract = iam_actions.extract_iam_action


@replaces(iam_actions, "extract_iam_action", "ec476b92d969")
def extract_iam_action(service: str, *request: Any) -> str | None:
    action: str | None = _extract(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action
