"""EventBridge and its Scheduler."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from ministack.services import eventbridge, lambda_svc, scheduler, sqs

from . import replaces, routes


@replaces(eventbridge, "_invoke_target", "550e304af080")
def invoke_target(original: Any, target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    """An EventBridge rule invokes a function or sends to a queue only if the target's policy allows that rule.

    MiniStack: The policy is never read.
    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    _, _, service, region, account, *_ = target["Arn"].split(":")
    if service == "lambda" and event["Source"] != "aws.scheduler":  # which comes here too, under a role of its own
        function, _config, _name = lambda_svc._get_func_record_for_ref_in_scope(target["Arn"], account_id=account, region=region)
        if function is None or not routes.may_invoke(function["policy"], "events.amazonaws.com", rule["Arn"]):
            return
    if service == "sqs" and not sqs.queue_policy_allows(target["Arn"], "events.amazonaws.com", rule["Arn"], account):
        return
    original(target, event, rule, view)


@replaces(eventbridge, "_dispatch_to_lambda", "1f95adbaed3a")
def dispatch_to_lambda(_original: Any, arn: str, payload: str) -> None:
    client = boto3.client("lambda", arn.split(":")[3])
    # In a thread: the rule may be matched in the loop that answers the call.
    threading.Thread(target=client.invoke, kwargs={"FunctionName": arn, "InvocationType": "Event", "Payload": payload}, daemon=True).start()


@replaces(scheduler, "_tick_schedules", "0ece514e9120")
def tick_schedules(original: Any) -> None:
    """A rate schedule without a start date runs at once, and then at its rate.

    MiniStack: The first run comes one whole period late.
    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
    """
    for key, schedule in list(scheduler._schedules._data.items()):
        if schedule["ScheduleExpression"].startswith("rate(") and not schedule.get("StartDate"):
            scheduler._schedule_last_fired.setdefault(key, 0)
    original()
