"""What the policies of docs/permissions are made of. tests/lifecycle/test_permissions.py applies with them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from tools.permissions import FOLDER, LARGEST_POLICY, User, allowed, filled
from tools.terraform import TerraformError

FUNCTION = "arn:aws:lambda:REGION:ACCOUNT:function:f"
MAPPING = "6f2ad3b0-5d4c-4a5e-9f5a-0d1b2c3d4e5f"
RULE = "arn:aws:events:REGION:ACCOUNT:rule/r"
LOGS = "arn:aws:logs:REGION:ACCOUNT:log-group:g"
TABLE = "arn:aws:dynamodb:REGION:ACCOUNT:table/t"

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("lambda:CreateFunction", FUNCTION, "create_function", {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}),
    ("lambda:GetFunctionConcurrency", FUNCTION, "get_function_concurrency", {"FunctionName": "f"}),
    ("lambda:DeleteFunctionConcurrency", FUNCTION, "delete_function_concurrency", {"FunctionName": "f"}),
    ("lambda:InvokeFunction", FUNCTION, "invoke", {"FunctionName": "f"}),
    ("lambda:ListTags", FUNCTION, "list_tags", {"Resource": filled(FUNCTION)}),
    (
        "lambda:GetEventSourceMapping",
        f"arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:{MAPPING}",
        "get_event_source_mapping",
        {"UUID": MAPPING},
    ),
    ("lambda:CreateEventSourceMapping", "*", "create_event_source_mapping", {"FunctionName": "f"}),
    ("scheduler:GetSchedule", "arn:aws:scheduler:REGION:ACCOUNT:schedule/g/s", "get_schedule", {"GroupName": "g", "Name": "s"}),
    ("events:ListTagsForResource", RULE, "list_tags_for_resource", {"ResourceARN": filled(RULE)}),
    ("events:ListTargetsByRule", RULE, "list_targets_by_rule", {"Rule": "r", "EventBusName": "default"}),
    ("events:DescribeRule", "arn:aws:events:REGION:ACCOUNT:rule/b/r", "describe_rule", {"Name": "r", "EventBusName": "b"}),
    ("dynamodb:ListTagsOfResource", TABLE, "list_tags_of_resource", {"ResourceArn": filled(TABLE)}),
    ("logs:StartQuery", LOGS, "start_query", {"logGroupNames": ["g"], "startTime": 0, "endTime": 1, "queryString": "limit 1"}),
]


@pytest.mark.parametrize(("action", "resource", "method", "arguments"), CASES, ids=[case[0] for case in CASES])
def test_a_call_is_judged_by_its_action_and_resource(
    aws: LocalAws, action: str, resource: str, method: str, arguments: dict[str, Any]
) -> None:
    user = User(aws, f"u-{uuid.uuid4().hex[:8]}")
    call: Callable[..., Any] = getattr(user.client(action.partition(":")[0]), method)
    with pytest.raises(ClientError, match="not authorized to perform"):
        call(**arguments)
    assert user.calls() == {(action, filled(resource))}


def test_a_resource_that_no_statement_is_for_is_an_error() -> None:
    assert allowed([("sqs:CreateQueue", filled("arn:aws:sqs:REGION:ACCOUNT:NAME-retry"))], "api") == {("sqs:CreateQueue", "Queues")}
    with pytest.raises(TerraformError, match="No statement is for sqs:CreateQueue on"):
        allowed([("sqs:CreateQueue", filled("arn:aws:sqs:REGION:ACCOUNT:OTHER-retry"))], "api")


def test_whoever_plans_may_only_read() -> None:
    document = json.loads((FOLDER / "plan.json").read_text())
    actions = {action for statement in document["Statement"] for action in statement["Action"]}
    assert {action for action in actions if not re.match(r"\w+:(Describe|Get|List|GET)", action)} == {"kms:Decrypt"}


@pytest.mark.parametrize("name", ["plan", "apply"])
def test_a_policy_fits_into_one_managed_policy(name: str) -> None:
    assert len("".join((FOLDER / f"{name}.json").read_text().split())) <= LARGEST_POLICY


def test_alarms_need_a_wide_scope_and_the_role_of_incidents(aws: LocalAws) -> None:
    metric = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0.0}
    put_metric = ("put_metric_alarm", {"AlarmName": "NAME-a", "ComparisonOperator": "GreaterThanThreshold", **metric})
    put_composite = ("put_composite_alarm", {"AlarmName": "NAME-c", "AlarmRule": 'ALARM("NAME-a")'})
    incident = {"AlarmActions": ["arn:aws:ssm-incidents::000000000000:responseplan/pager"]}
    document = json.loads((FOLDER / "apply.json").read_text())
    for sid, lacking, (method, arguments) in (
        ("AlarmRoles", "iam:CreateServiceLinkedRole", put_metric),
        ("WithoutResource", "cloudwatch:PutCompositeAlarm", put_composite),
    ):
        narrowed = [{**s, "Resource": "arn:aws:cloudwatch:*:*:alarm:NAME-*"} if s["Sid"] == sid else s for s in document["Statement"]]
        for statements in (document["Statement"], narrowed):
            user = User(aws, f"u-{uuid.uuid4().hex[:8]}", filled(json.dumps({**document, "Statement": statements})))
            with nullcontext() if statements != narrowed else pytest.raises(ClientError, match=f"not authorized to perform: {lacking}"):
                getattr(user.client("cloudwatch"), method)(**arguments, **incident)
