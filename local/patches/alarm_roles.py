"""An alarm that opens an OpsItem or an incident needs a service-linked role, and the caller needs permission to create it.

MiniStack: The permission is not checked.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from . import replaces
from .alarms_in_full import _tree

ROLES = {"ssm": "AWSServiceRoleForCloudWatchAlarms_ActionSSM", "ssm-incidents": "AWSServiceRoleForCloudWatchAlarms_ActionSSMIncidents"}


def put(original: Callable[..., Any], params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    request, caller = data if is_cbor or is_json else _tree(params), iam_evaluator._verified_key.get()
    for kind in {action.split(":")[2] for action in request.get("AlarmActions") or ()} & set(ROLES):
        service = f"{kind}.alarms.cloudwatch.amazonaws.com"
        role = f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{service}/{ROLES[kind]}"
        judged = ("iam:CreateServiceLinkedRole", "iam", get_region(), role)
        if caller and iam_evaluator.enforce(caller, *judged, service_context={"iam:AWSServiceName": service}) is not None:
            message = f"not authorized to perform: iam:CreateServiceLinkedRole on resource: {role}"
            return cloudwatch._error("AccessDenied", message, 403, is_json, is_cbor)
    return original(params, data, is_cbor, is_json)


replaces(cloudwatch, "_put_metric_alarm", "953a67ff4bb1")(partial(put, cloudwatch._put_metric_alarm))
replaces(cloudwatch, "_put_composite_alarm", "d1c8174c3d5b")(partial(put, cloudwatch._put_composite_alarm))
