"""CloudWatch sends an EventBridge event for every change of an alarm's state.

MiniStack: Only SNS topics are notified.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import cloudwatch, eventbridge

from . import replaces

_record = cloudwatch._record_history


@replaces(cloudwatch, "_record_history", "c5890b06e5c8")
def record_history(alarm_name: str, old_state: str, new_state: str, reason: str, *more: Any, **others: Any) -> None:
    _record(alarm_name, old_state, new_state, reason, *more, **others)
    alarm = cloudwatch._alarms.get(alarm_name) or cloudwatch._composite_alarms.get(alarm_name)
    detail = {
        "alarmName": alarm_name,
        "configuration": {"description": alarm.get("AlarmDescription", "")},
        "state": {"value": new_state, "reason": reason},
        "previousState": {"value": old_state},
    }
    event = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
