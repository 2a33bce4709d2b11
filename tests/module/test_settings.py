"""What the small modules make of their inputs, and the functions' environment."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from itertools import islice
from typing import Any

import pytest
from settings import Settings

from .alarms import attempts
from .calls import CALLS, MOST_RECEIPTS, REPOSITORY
from .conftest import Plans, Resources

pytestmark = pytest.mark.xdist_group("plans")  # to plan once

FOUR_DAYS = 4 * 86400
ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
PROBING = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", "SUSPECT_AFTER_SECONDS": "660"}
OFFLINE = {
    "EVENT_BUS": "arn:aws:events:eu-central-1:111122223333:event-bus/default",
    "CLIENT_OFFLINE_AFTER_SECONDS": "60",
    "CLIENT_INDEX": "byClient",
    "OFFLINE_TABLE": "chat-connections-offline",
    "WEBSOCKET_API_ID": "a1b2c3",
    "WEBSOCKET_STAGE": "live",
}


def environment(resources: Resources, function: str) -> dict[str, str]:
    return dict(resources[f"module.{function}.aws_lambda_function.this"]["environment"][0]["variables"])


@pytest.mark.parametrize("call", CALLS)
def test_the_functions_start_with_their_environment(call: str, known: Plans) -> None:
    """Numbers at their bounds included: the environment is read by the functions' own code."""
    for address, values in known[call].items():
        if ".aws_lambda_function." in address:
            Settings(values["environment"][0]["variables"])


@pytest.mark.parametrize(
    ("call", "function", "expected"),
    [
        ("probe", "cleanup[0]", {**PROBING, "EXCLUSIVE_TABLE": None}),
        ("lowest", "cleanup[0]", {"PROBES_PER_SECOND": "1", "EXCLUSIVE_TABLE": "true"}),
        ("offline_clients", "cleanup[0]", OFFLINE),
        ("offline_clients", "disconnect", OFFLINE),
        ("their_table", "disconnect", {"CONNECTIONS_TABLE": "theirs", "CLIENT_INDEX": "byUser"}),
        ("newest_duplicates", "cleanup[0]", {ENDPOINT: "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/live"}),
        ("europe", "cleanup[0]", {ENDPOINT: "https://a1b2c3.execute-api.eu-central-1.amazonaws.eu/live"}),
        ("full", "cleanup[0]", {ENDPOINT: "https://chat.example.com/live"}),
        ("full", "disconnect", {"DD_SITE": "datadoghq.eu", "HISTORY_DAYS": "30", "DUPLICATES": "newest", "CONNECTION_METRICS": "true"}),
    ],
)
def test_a_function_receives_its_setting(call: str, function: str, expected: dict[str, str | None], known: Plans) -> None:
    variables = environment(known[call], function)
    assert {name: variables.get(name) for name in expected} == expected


def test_the_module_keeps_its_own_variables() -> None:
    """A consumer may set none of those that environment.tf sets."""
    own = set(re.findall(r"^    ([A-Z_]+) += ", (REPOSITORY / "environment.tf").read_text(), re.MULTILINE))
    rule = re.search(r"setintersection\(keys\(var.function.environment\), \[(.*?)\]", (REPOSITORY / "variables.tf").read_text(), re.DOTALL)
    assert rule
    assert len(own) > 15
    assert set(re.findall(r'"(\w+)"', rule[1])) == own


def test_the_functions_know_the_keys_of_a_related_table(known: Plans) -> None:
    [_, rooms] = json.loads(environment(known["related_tables"], "disconnect")["RELATED_TABLES"])
    assert rooms == {"table": "rooms", "attribute": "member", "index": "byMember", "keys": ["room", "seat"]}


def test_each_segment_has_a_schedule_that_names_it(known: Plans) -> None:
    schedules = [values for address, values in known["full"].items() if ".aws_scheduler_schedule." in address]
    inputs = [json.loads(schedule["target"][0]["input"])["sweep"] for schedule in schedules]
    assert inputs == [{"segment": segment, "segments": 2, "period_s": 3600} for segment in range(2)]


def test_alarms_on_losses_start_a_sweep_as_they_begin_and_end(known: Plans) -> None:
    resources = known["queue_kept"]
    pattern = json.loads(resources["module.look_at_once[0].aws_cloudwatch_event_rule.this"]["event_pattern"])
    assert (pattern["source"], pattern["detail-type"]) == (["aws.cloudwatch"], ["CloudWatch Alarm State Change"])
    assert pattern["resources"] == ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-alarm"] * 2
    assert pattern["$or"] == [{"detail": {"state": {"value": ["ALARM"]}}}, {"detail": {"previousState": {"value": ["ALARM"]}}}]
    target = resources["module.look_at_once[0].aws_cloudwatch_event_target.this"]
    assert json.loads(target["input"]) == {"look_at_once": {"segments": 4}}


@pytest.mark.parametrize(("call", "looks"), [("queue_kept", True), ("probe", False), ("company", False), ("probe_without_sweep", False)])
def test_looks_at_once_with_monitoring_and_the_probe(call: str, looks: bool, known: Plans) -> None:
    assert any(address.startswith("module.look_at_once") for address in known[call]) is looks


@pytest.mark.parametrize(("call", "shared"), [("company", False), ("shared_table", True)])
def test_nobody_is_paged_for_a_table_shared_on_purpose(call: str, shared: bool, known: Plans) -> None:
    alarm = 'module.monitoring[0].aws_cloudwatch_metric_alarm.this["foreign-records"]'
    assert (alarm not in known[call]) is shared
    variables = known[call]["module.cleanup[0].aws_lambda_function.this"]["environment"][0]["variables"]
    assert variables.get("SHARED_TABLE") == ("true" if shared else None)


def test_clients_without_offline_events_need_no_index(known: Plans) -> None:
    """The index is paid for with each record written."""
    assert known["events"]["module.connections_table.aws_dynamodb_table.this[0]"]["global_secondary_index"] == []


def test_the_report_queue_forgets_soon_and_is_encrypted(known: Plans) -> None:
    resources = known["report_senders"]
    queue = resources["module.report_queue[0].aws_sqs_queue.this"]
    assert (queue["message_retention_seconds"], queue["visibility_timeout_seconds"], queue["sqs_managed_sse_enabled"]) == (3600, 720, True)
    mapping = resources["module.report_queue[0].aws_lambda_event_source_mapping.this"]
    assert (mapping["function_response_types"], mapping["scaling_config"]) == (["ReportBatchItemFailures"], [{"maximum_concurrency": 2}])


def test_only_the_retry_queue_sends_to_its_dead_letter_queue(known: Plans) -> None:
    queues = {name.rpartition(".")[2]: values for name, values in known["default"].items() if "retry_queue[0].aws_sqs_queue." in name}
    redrive = known["default"]["module.retry_queue[0].aws_sqs_queue_redrive_policy.retry"]
    allowed = known["default"]["module.retry_queue[0].aws_sqs_queue_redrive_allow_policy.dead_letter"]
    assert redrive["queue_url"] == queues["retry"]["url"]
    assert json.loads(redrive["redrive_policy"])["deadLetterTargetArn"] == queues["dead_letter"]["arn"]
    assert allowed["queue_url"] == queues["dead_letter"]["url"]
    only = {"redrivePermission": "byQueue", "sourceQueueArns": [queues["retry"]["arn"]]}
    assert json.loads(allowed["redrive_allow_policy"]) == only


def test_text_logs_take_no_level(known: Plans) -> None:
    [logging] = known["company"]["module.disconnect.aws_lambda_function.this"]["logging_config"]
    assert (logging["log_format"], logging["system_log_level"]) == ("Text", None)


def test_an_own_package_is_taken_as_it_is(known: Plans) -> None:
    function: dict[str, Any] = known["company"]["module.disconnect.aws_lambda_function.this"]
    content = (REPOSITORY / "README.md").read_bytes()
    assert function["source_code_hash"] == b64encode(hashlib.sha256(content).digest()).decode()


def test_a_queue_that_is_kept_leaves_the_route_to_the_function(known: Plans) -> None:
    kept = known["queue_kept"]
    assert kept["module.disconnect_queue[0].aws_lambda_event_source_mapping.this"]["scaling_config"] == [{"maximum_concurrency": 7}]
    assert "module.route.aws_apigatewayv2_integration.queue[0]" in kept
    assert "chat-disconnects-waiting" not in {v.get("alarm_name") for v in kept.values()}


@pytest.mark.parametrize(("call", "timeout", "count"), [("lowest", *MOST_RECEIPTS[0]), ("highest", *MOST_RECEIPTS[1])])
def test_the_last_attempt_comes_before_the_message_expires(call: str, timeout: int, count: int, known: Plans) -> None:
    """And as a dead letter it lies there for days."""
    resources = known[call]
    queue, dead_letters = (resources[f"module.retry_queue[0].aws_sqs_queue.{name}"] for name in ("retry", "dead_letter"))
    slowest = list(islice(attempts(spread=lambda: 1.0, held_up=lambda: 20 + timeout), count + 1))[-1]  # the receipt that gives it up
    unasked = count * (queue["visibility_timeout_seconds"] + 20)
    assert max(slowest, unasked) <= queue["message_retention_seconds"] <= dead_letters["message_retention_seconds"] - FOUR_DAYS
