"""What `delivery = "queue"` makes, and what it changes in meaning."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import Plans, Resources

pytestmark = pytest.mark.xdist_group("planned")  # to plan once

FIELDS = [
    *("connectionId", "connectedAt", "eventType", "requestId", "requestTimeEpoch", "apiId", "stage"),
    *("identity.sourceIp", "identity.userAgent", "disconnectStatusCode", "disconnectReason"),
]


@pytest.fixture
def queued(planned: Plans) -> Resources:
    return planned["queued"]


def test_the_route_sends_each_field_encoded_twice(queued: Resources) -> None:
    integration = queued["module.route.aws_apigatewayv2_integration.queue[0]"]
    assert integration["integration_type"] == "AWS"
    assert integration["passthrough_behavior"] == "NEVER"
    [(name, template)] = integration["request_templates"].items()
    assert integration["template_selection_expression"] == f"\\{name}"
    action, fields = template.split("&MessageBody=")
    assert action == "Action=SendMessage"
    parts = [re.fullmatch(r'([\w.]+)%3D\$util\.urlEncode\(\$util\.urlEncode\("\$!context\.([\w.]+)"\)\)', f) for f in fields.split("%26")]
    assert [(part[1], part[1] == part[2]) for part in parts if part] == [(part[1], True) for part in parts if part]
    assert [part and part[1] for part in parts] == FIELDS


def test_queue_and_role_are_as_the_others(queued: Resources) -> None:
    made = {a.removeprefix("module.disconnect_queue[0]."): v for a, v in queued.items() if a.startswith("module.disconnect_queue[0].")}
    queue, role = made["aws_sqs_queue.this"], made["aws_iam_role.this[0]"]
    retry = queued["module.retry_queue[0].aws_sqs_queue.retry"]
    same = ("kms_master_key_id", "sqs_managed_sse_enabled", "message_retention_seconds", "tags")
    assert {name: queue.get(name) for name in same} == {name: retry.get(name) for name in same}
    assert queue["visibility_timeout_seconds"] == 60
    assert re.fullmatch("chat-gateway-eu-[0-9a-f]{8}", role["name"])
    assert (role["path"], role["permissions_boundary"]) == ("/service/", "arn:aws:iam::111122223333:policy/boundary")
    assert json.loads(role["assume_role_policy"])["Statement"][0]["Principal"] == {"Service": "apigateway.amazonaws.com"}
    mapping = made["aws_lambda_event_source_mapping.this"]
    assert (mapping["batch_size"], mapping["scaling_config"]) == (10, [{"maximum_concurrency": 35}])
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]


def test_no_alarm_claims_that_events_are_lost_in_the_function(queued: Resources) -> None:
    alarms = {v["alarm_name"]: v for v in queued.values() if "alarm_name" in v}
    for name in ("chat-disconnect-errors", "chat-disconnect-throttles", "chat-disconnects-waiting"):
        assert "Nothing is lost" in alarms[name]["alarm_description"]
    for name in ("chat-missed", "chat-falling-back"):
        metrics = [query["metric"][0]["metric_name"] for query in alarms[name]["metric_query"] if query["metric"]]
        assert "NumberOfMessagesSent" in metrics
        assert "Invocations" not in metrics
    assert alarms["chat-gateway-errors"]["dimensions"] == {"ApiId": "a1b2c3", "Stage": "live"}
    assert not [address for address in queued if "look_at_once" in address]


@pytest.mark.xdist_group("known")
def test_a_queue_that_is_kept_leaves_the_route_to_the_function(known: Plans) -> None:
    kept = known["queue_kept"]
    assert kept["module.disconnect_queue[0].aws_lambda_event_source_mapping.this"]["scaling_config"] == [{"maximum_concurrency": 7}]
    assert "module.route.aws_apigatewayv2_integration.queue[0]" in kept
    assert [address for address in kept if "look_at_once" in address]
    assert "chat-disconnects-waiting" not in {v.get("alarm_name") for v in kept.values()}
