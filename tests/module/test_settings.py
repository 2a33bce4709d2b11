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
from .calls import ARN, CALLS, EXISTING, LAYER, MOST_RECEIPTS, REPOSITORY, SIGNING, URL
from .conftest import Plans

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
HOURLY = {"segments": 2, "period_s": 3600}
ALARM = 'monitoring[0].aws_cloudwatch_metric_alarm.this["{}"]'
PARTIAL = {"function_response_types": ["ReportBatchItemFailures"]}
ROOMS = {"table": "rooms", "attribute": "member", "index": "byMember", "keys": ["room", "seat"]}


@pytest.mark.parametrize("call", CALLS)
def test_the_functions_start_with_their_environment(call: str, known: Plans) -> None:
    """Numbers at their bounds included: the environment is read by the functions' own code."""
    for address, values in known[call].items():
        if ".aws_lambda_function." in address:
            Settings(values["environment"][0]["variables"])


def sets(**variables: Any) -> dict[str, Any]:
    """A function with these environment variables, and without those that are None."""
    return {"environment": [{"variables": variables}]}


DISCONNECT, CLEANUP = "disconnect.aws_lambda_function.this", "cleanup[0].aws_lambda_function.this"
TABLE, HISTORY = "connections_table.aws_dynamodb_table.this[0]", "history_table[0].aws_dynamodb_table.this"
REPORTS, DISCONNECTS = "report_queue[0].aws_sqs_queue.this", "disconnect_queue[0].aws_sqs_queue.this"
LOOK = "look_at_once[0].aws_cloudwatch_event_target.this"
MAPPING = "disconnect_queue[0].aws_lambda_event_source_mapping.this"
FULL = {
    "vpc_config": [{"subnet_ids": ["subnet-a1", "subnet-b2"], "security_group_ids": ["sg-c3"], "ipv6_allowed_for_dual_stack": True}],
    "tracing_config": [{"mode": "Active"}],
    **{"s3_bucket": "packages", "s3_key": "signed/disconnect.zip", "s3_object_version": "v7", "filename": None},
    **{"layers": [LAYER], "code_signing_config_arn": SIGNING},
}
BY_CLIENT = {"name": "byClient", "hash_key": "clientId"}
JUDGED = {"projection_type": "INCLUDE", "non_key_attributes": ["apiId", "expiresAt", "lastSeenAt", "stage"]}
OWN_PACKAGE = b64encode(hashlib.sha256((REPOSITORY / "README.md").read_bytes()).digest()).decode()
LOGGING = {"log_group": "/platform/chat", "log_format": "Text", "system_log_level": None}
BY_QUEUE = {"redrivePermission": "byQueue", "sourceQueueArns": [ARN.format("sqs", "chat-retry")]}
LETTERS = {"queue_url": URL.format("chat-retry-dead-letter"), "redrive_allow_policy": BY_QUEUE}
REDRIVE = {"queue_url": URL.format("chat-retry"), "redrive_policy": {"deadLetterTargetArn": ARN.format("sqs", "chat-retry-dead-letter")}}
# The call, a resource, and some of its attributes.
PLANNED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("probe", CLEANUP, sets(**PROBING, EXCLUSIVE_TABLE=None)),
    ("lowest", CLEANUP, sets(PROBES_PER_SECOND="1", EXCLUSIVE_TABLE="true")),
    ("offline_clients", CLEANUP, sets(**OFFLINE)),
    ("offline_clients", DISCONNECT, sets(**OFFLINE)),
    ("their_table", DISCONNECT, sets(CONNECTIONS_TABLE="theirs", CLIENT_INDEX="byUser")),
    ("newest_duplicates", CLEANUP, sets(**{ENDPOINT: "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/live"})),
    ("europe", CLEANUP, sets(**{ENDPOINT: "https://a1b2c3.execute-api.eu-central-1.amazonaws.eu/live"})),
    ("full", CLEANUP, sets(**{ENDPOINT: "https://chat.example.com/live"})),
    ("full", DISCONNECT, sets(DD_SITE="datadoghq.eu", HISTORY_DAYS="30", DUPLICATES="newest", CONNECTION_METRICS="true")),
    ("related_tables", DISCONNECT, sets(RELATED_TABLES=[{}, ROOMS])),
    ("shared_table", CLEANUP, sets(SHARED_TABLE="true")),
    ("company", CLEANUP, sets(SHARED_TABLE=None)),
    ("company", CLEANUP, {"logging_config": [LOGGING]}),
    ("company", DISCONNECT, {"logging_config": [LOGGING], "source_code_hash": OWN_PACKAGE}),
    ("full", DISCONNECT, {"handler": "disconnect.lambda_handler", **FULL}),
    ("full", CLEANUP, {"handler": "cleanup.lambda_handler", **FULL}),
    *(("full", f"sweep[0].aws_scheduler_schedule.this[{n}]", {"target": [{"input": {"sweep": {**HOURLY, "segment": n}}}]}) for n in (0, 1)),
    ("events", TABLE, {"global_secondary_index": []}),  # an index is paid for with each record written
    ("full", TABLE, {"global_secondary_index": [{**BY_CLIENT, "range_key": "connectedAt", **JUDGED}]}),
    ("full", HISTORY, {"global_secondary_index": [{**BY_CLIENT, "range_key": "endedAt", "projection_type": "ALL"}]}),
    ("full", HISTORY, {"name": "chat-history", "hash_key": "connectionId", "deletion_protection_enabled": True}),
    ("full", HISTORY, {"ttl": [{"attribute_name": "expiresAt"}]}),
    ("existing_roles", DISCONNECT, {"role": EXISTING["disconnect"]}),
    ("existing_roles", CLEANUP, {"role": EXISTING["cleanup"]}),
    ("existing_roles", "sweep[0].aws_scheduler_schedule.this[0]", {"target": [{"role_arn": EXISTING["schedule"]}]}),
    ("existing_roles", "route.aws_apigatewayv2_integration.queue[0]", {"credentials_arn": EXISTING["gateway"]}),
    ("default", "retry_queue[0].aws_sqs_queue_redrive_policy.retry", REDRIVE),
    ("default", "retry_queue[0].aws_sqs_queue_redrive_allow_policy.dead_letter", LETTERS),
    ("report_senders", REPORTS, {"message_retention_seconds": 3600, "visibility_timeout_seconds": 720, "sqs_managed_sse_enabled": True}),
    ("report_senders", "report_queue[0].aws_lambda_event_source_mapping.this", {**PARTIAL, "scaling_config": [{"maximum_concurrency": 2}]}),
    ("queue", DISCONNECTS, {"message_retention_seconds": 864_000, "visibility_timeout_seconds": 60, "sqs_managed_sse_enabled": True}),
    ("queue", MAPPING, {**PARTIAL, "batch_size": 10}),
    ("queued", MAPPING, {"scaling_config": [{"maximum_concurrency": 35}]}),
    ("queue_kept", MAPPING, {"scaling_config": [{"maximum_concurrency": 7}]}),
    ("queued", ALARM.format("gateway-errors"), {"dimensions": {"ApiId": "a1b2c3", "Stage": "live"}}),
    ("queue_kept", ALARM.format("disconnects-waiting"), None),
    ("queue_kept", "route.aws_apigatewayv2_integration.queue[0]", {}),
    ("company", ALARM.format("foreign-records"), {}),
    ("shared_table", ALARM.format("foreign-records"), None),  # on purpose
    *((call, LOOK, None) for call in ("probe", "company", "probe_without_sweep")),  # made only with all three
    ("queue_kept", LOOK, {"input": {"look_at_once": {"segments": 4}}}),
]


def parts(actual: Any, wanted: Any) -> Any:
    """Of what is planned, what is wanted to be so."""
    if isinstance(actual, str) and isinstance(wanted, (dict, list)):
        actual = json.loads(actual)
    if isinstance(actual, dict) and isinstance(wanted, dict):
        return {name: parts(actual.get(name), part) for name, part in wanted.items()}
    if isinstance(actual, list) and isinstance(wanted, list) and len(actual) == len(wanted):
        return [parts(*pair) for pair in zip(actual, wanted, strict=True)]
    return actual


@pytest.mark.parametrize(("call", "resource", "attributes"), PLANNED)
def test_inputs_reach_the_resources(call: str, resource: str, attributes: dict[str, Any] | None, known: Plans, planned: Plans) -> None:
    assert parts({**planned, **known}[call].get(f"module.{resource}"), attributes) == attributes


def test_the_module_keeps_its_own_variables() -> None:
    """A consumer may set none of those that environment.tf sets."""
    own = set(re.findall(r"^    ([A-Z_]+) += ", (REPOSITORY / "environment.tf").read_text(), re.MULTILINE))
    rule = re.search(r"setintersection\(keys\(var.function.environment\), \[(.*?)\]", (REPOSITORY / "variables.tf").read_text(), re.DOTALL)
    assert rule
    assert len(own) > 15
    assert set(re.findall(r'"(\w+)"', rule[1])) == own


def test_alarms_on_losses_start_a_sweep_as_they_begin_and_end(known: Plans) -> None:
    resources = known["queue_kept"]
    pattern = json.loads(resources["module.look_at_once[0].aws_cloudwatch_event_rule.this"]["event_pattern"])
    assert (pattern["source"], pattern["detail-type"]) == (["aws.cloudwatch"], ["CloudWatch Alarm State Change"])
    assert pattern["resources"] == ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-alarm"] * 2
    assert pattern["$or"] == [{"detail": {"state": {"value": ["ALARM"]}}}, {"detail": {"previousState": {"value": ["ALARM"]}}}]


@pytest.mark.parametrize(("call", "timeout", "count"), [("lowest", *MOST_RECEIPTS[0]), ("highest", *MOST_RECEIPTS[1])])
def test_the_last_attempt_comes_before_the_message_expires(call: str, timeout: int, count: int, known: Plans) -> None:
    """And as a dead letter it lies there for days."""
    resources = known[call]
    queue, dead_letters = (resources[f"module.retry_queue[0].aws_sqs_queue.{name}"] for name in ("retry", "dead_letter"))
    slowest = list(islice(attempts(spread=lambda: 1.0, held_up=lambda: 20 + timeout), count + 1))[-1]  # the receipt that gives it up
    unasked = count * (queue["visibility_timeout_seconds"] + 20)
    assert max(slowest, unasked) <= queue["message_retention_seconds"] <= dead_letters["message_retention_seconds"] - FOUR_DAYS
