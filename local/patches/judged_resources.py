"""A call is authorised by the action and resource that the Service Authorization Reference names.

MiniStack: Lambda's action is derived from the first words of the path, unknown ones are allowed, and the resource is * where neither
path nor usual name gives one.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions

from . import replaces

_resource = iam_actions.extract_resource_arn
iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]


@replaces(iam_actions, "_lambda_action", "19fa24ebca40")
def lambda_action(method: str, path: str) -> str | None:
    operation: str | None = iam_actions._match_rest_action("lambda", method, path)
    return "InvokeFunction" if operation and operation.startswith("Invoke") else operation


@replaces(iam_actions, "extract_resource_arn", "82f51700695c")
def resource(service: str, method: str, path: str, headers: Any, body: bytes, query: dict[str, Any], region: str, account: str) -> str:
    parameter = partial(iam_actions._param, body, query)
    if service == "scheduler" and "/schedules/" in path:
        group = parameter("GroupName", "groupName") or "default"
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{path.rpartition('/')[2]}"
    if service == "scheduler" and path.startswith("/tags/"):
        return unquote(path.removeprefix("/tags/"))
    if service == "events" and (rule := parameter("Name", "Rule")):
        bus = parameter("EventBusName").rpartition("/")[2]
        return f"arn:aws:events:{region}:{account}:rule/{'' if bus in ('', 'default') else f'{bus}/'}{rule}"
    if service == "lambda" and path.rstrip("/").endswith("/functions") and parameter("FunctionName"):
        return f"arn:aws:lambda:{region}:{account}:function:{parameter('FunctionName')}"
    alarms = service == "monitoring"
    asks = service in ("monitoring", "logs")  # their operations are named in a header or form; an object of S3's is no JSON
    operation = asks and (parameter("Action") or re.split("[./]", headers.get("x-amz-target") or path)[-1])
    if operation == "PutCompositeAlarm":
        return "*"  # "You can't create a composite alarm if your permission has a narrower scope": API_PutCompositeAlarm
    if service == "logs" and operation == "StartQuery" and (groups := json.loads(body).get("logGroupNames")):
        return f"arn:aws:logs:{region}:{account}:log-group:{groups[0]}"
    found: str = _resource(service, method, path, headers, body, query, region, account)
    if found == "*" and alarms:
        alarm = parameter("AlarmNames.member.1") if operation == "DeleteAlarms" else ""  # DescribeAlarms knows no resource
        dashboard = parameter("DashboardName", "DashboardNames.member.1")
        found = f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm}" if alarm else found
        found = f"arn:aws:cloudwatch::{account}:dashboard/{dashboard}" if dashboard else found
    return parameter("ResourceArn", "ResourceARN") or found if found == "*" else found
