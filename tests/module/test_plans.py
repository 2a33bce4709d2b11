"""What a consumer gets for few lines and for many."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import read_records

from .conftest import REPOSITORY

pytestmark = pytest.mark.xdist_group("plans")  # to plan once

Resources = dict[str, dict[str, Any]]

KEY = "arn:aws:kms:eu-central-1:111122223333:key/ours"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
EVERYTHING = f"""
  kms_key_arn = "{KEY}"
  role        = {{ path = "/service/", permissions_boundary_arn = "{BOUNDARY}" }}
  sweep       = {{ probe = {{ exclusive_table = true, report_queue = true }}, segments = 2, schedule = "rate(1 hour)" }}
  history     = {{}}
  duplicates  = "newest"
  events      = {{ client_offline_after_seconds = 60 }}
  monitoring  = {{ alarm_actions = ["arn:aws:sns:eu-central-1:111122223333:pager"], dashboard = true, connection_metrics = true }}
  tags        = {{ Team = "chat" }}
"""
SMALLEST = """
  retry_queue = { enabled = false }
  sweep       = { enabled = false }
"""


@pytest.fixture(scope="module")
def default(plan: Callable[..., Resources]) -> Resources:
    return plan()


@pytest.fixture(scope="module")
def everything(plan: Callable[..., Resources]) -> Resources:
    return plan(EVERYTHING)


def of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    found = [values for address, values in resources.items() if f".{kind}." in address]
    assert found, f"no {kind} is planned"
    return found


FUNCTION = ["aws_cloudwatch_log_group.this[0]", "aws_iam_role.this", "aws_iam_role_policy.this", "aws_lambda_function.this"]
DISCONNECT = [
    "module.connections_table.aws_dynamodb_table.this[0]",
    *(f"module.disconnect.{resource}" for resource in FUNCTION),
    "module.route.aws_apigatewayv2_integration.this",
    "module.route.aws_apigatewayv2_route.this",
    "module.route.aws_lambda_permission.this",
]


def test_without_queue_and_sweep_there_is_the_route_its_function_and_the_table(plan: Callable[..., Resources]) -> None:
    assert sorted(plan(SMALLEST)) == sorted(DISCONNECT)


def test_three_inputs_add_the_retry_queue_and_the_sweep_and_nothing_else(default: Resources) -> None:
    added = {address for address in default if not address.startswith(("module.cleanup[0].", "module.retry_queue[0].", "module.sweep[0]."))}
    assert added == set(DISCONNECT)
    assert {address.removeprefix("module.cleanup[0].") for address in default if address.startswith("module.cleanup")} == set(FUNCTION)


def test_the_table_is_safe_by_default(default: Resources) -> None:
    table = default["module.connections_table.aws_dynamodb_table.this[0]"]
    assert (table["hash_key"], table["billing_mode"]) == ("connectionId", "PAY_PER_REQUEST")
    assert table["attribute"] == [{"name": "connectionId", "type": "S"}]
    assert table["deletion_protection_enabled"] is True
    assert table["point_in_time_recovery"][0]["enabled"] is True
    assert (table["ttl"][0]["attribute_name"], table["ttl"][0]["enabled"]) == ("expiresAt", True)


def test_the_function_behind_the_route_is_small_and_bounded(default: Resources) -> None:
    function = default["module.disconnect.aws_lambda_function.this"]
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 10)
    assert function["handler"] == "disconnect.lambda_handler"
    assert function["reserved_concurrent_executions"] == -1
    logging = function["logging_config"][0]
    assert (logging["log_format"], logging["system_log_level"], logging["log_group"]) == ("JSON", "WARN", "/aws/lambda/chat-disconnect")
    assert default["module.disconnect.aws_cloudwatch_log_group.this[0]"]["retention_in_days"] == 30


def test_the_sweep_comes_every_five_minutes_and_is_not_repeated_for_hours(default: Resources) -> None:
    schedule = default["module.sweep[0].aws_scheduler_schedule.this[0]"]
    assert (schedule["schedule_expression"], schedule["state"]) == ("rate(5 minutes)", "ENABLED")
    assert schedule["target"][0]["retry_policy"] == [{"maximum_event_age_in_seconds": 300, "maximum_retry_attempts": 2}]
    assert default["module.sweep[0].aws_lambda_function_event_invoke_config.this"]["maximum_retry_attempts"] == 0


def test_a_key_of_ones_own_encrypts_everything_at_rest(everything: Resources) -> None:
    for table in of_type(everything, "aws_dynamodb_table"):
        assert table["server_side_encryption"] == [{"enabled": True, "kms_key_arn": KEY}]
    assert {queue["kms_master_key_id"] for queue in of_type(everything, "aws_sqs_queue")} == {KEY}
    assert {group["kms_key_id"] for group in of_type(everything, "aws_cloudwatch_log_group")} == {KEY}
    assert {function["kms_key_arn"] for function in of_type(everything, "aws_lambda_function")} == {KEY}
    assert {schedule["kms_key_arn"] for schedule in of_type(everything, "aws_scheduler_schedule")} == {KEY}


def test_path_and_boundary_reach_every_role(everything: Resources) -> None:
    roles = of_type(everything, "aws_iam_role")
    assert {(role["path"], role["permissions_boundary"]) for role in roles} == {("/service/", BOUNDARY)}


def test_a_role_is_named_as_what_has_it_and_with_a_path_of_its_own_by_that_too(default: Resources, everything: Resources) -> None:
    assert sorted(role["name"] for role in of_type(default, "aws_iam_role")) == ["chat-cleanup", "chat-disconnect", "chat-sweep"]
    with_path = sorted(role["name"] for role in of_type(everything, "aws_iam_role"))
    assert with_path == ["chat-cleanup-a9b83647", "chat-disconnect-a9b83647", "chat-sweep-a9b83647"]


def test_tags_reach_everything_that_takes_tags(everything: Resources) -> None:
    assert [address for address, values in everything.items() if "tags" in values and values["tags"] != {"Team": "chat"}] == []


def test_duplicates_add_the_index_on_the_client(everything: Resources) -> None:
    (index,) = everything["module.connections_table.aws_dynamodb_table.this[0]"]["global_secondary_index"]
    assert (index["name"], index["hash_key"], index["range_key"]) == ("byClient", "clientId", "connectedAt")
    assert index["projection_type"] == "INCLUDE"
    assert sorted(index["non_key_attributes"]) == ["apiId", "expiresAt", "lastSeenAt", "stage"]


def test_history_is_found_by_client_and_time(everything: Resources) -> None:
    table = everything["module.history_table[0].aws_dynamodb_table.this"]
    (index,) = table["global_secondary_index"]
    assert (table["name"], table["hash_key"]) == ("chat-connections-history", "connectionId")
    assert table["ttl"][0]["attribute_name"] == "expiresAt"
    assert (index["name"], index["hash_key"], index["range_key"], index["projection_type"]) == ("byClient", "clientId", "endedAt", "ALL")
    assert table["deletion_protection_enabled"] is True


def test_a_fast_path_that_is_off_alarms_at_the_functions_own_metric(everything: Resources) -> None:
    alarm = everything['module.monitoring[0].aws_cloudwatch_metric_alarm.this["fast-path-off"]']
    assert (alarm["namespace"], alarm["metric_name"], alarm["dimensions"]) == ("WebSocketConnections", "FastPathOff", {"Name": "chat"})
    assert (alarm["statistic"], alarm["threshold"], alarm["treat_missing_data"]) == ("Sum", 0, "notBreaching")
    assert "fast_path_off" in alarm["alarm_description"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("sweep = { probe = {} }\n monitoring = {}", True),
        ("sweep = { probe = {} }", False),
        ("monitoring = {}", False),
        ("sweep = { enabled = false, probe = {} }\n monitoring = {}", False),
    ],
    ids=["both", "probe alone", "monitoring alone", "no sweep"],
)
def test_looks_at_once_with_monitoring_and_the_probe(inputs: str, expected: bool, plan: Callable[..., Resources]) -> None:
    assert any(address.startswith("module.look_at_once") for address in plan(inputs)) is expected


def test_the_alarms_that_tell_of_losses_are_those_of_the_function_behind_the_route(everything: Resources) -> None:
    """The rule's pattern names the ARNs of these two, which are not known before the apply; the lifecycle tests look at it then."""
    alarms = [everything[f'module.monitoring[0].aws_cloudwatch_metric_alarm.this["disconnect-{kind}"]'] for kind in ("errors", "throttles")]
    assert [(alarm["metric_name"], alarm["dimensions"]["FunctionName"]) for alarm in alarms] == [
        ("Errors", "chat-disconnect"),
        ("Throttles", "chat-disconnect"),
    ]


def test_the_roles_may_read_what_a_record_is_judged_by() -> None:
    policies = (REPOSITORY / "policies.tf").read_text()
    [names] = re.findall(r'judged_attributes = \{.*?"dynamodb:Attributes" = (\[.*?\])', policies, re.DOTALL)
    read = read_records.PROJECTION["ExpressionAttributeNames"]
    assert isinstance(read, dict)
    assert json.loads(names) == sorted(read.values())
