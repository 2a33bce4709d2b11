"""Smaller things that AWS does and MiniStack does not."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from local.aws import LocalAws

from .conftest import Api


def test_an_api_has_one_route_for_each_key(api: Api) -> None:
    gateway = api.aws.client("apigatewayv2")
    gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target="integrations/one")
    other = gateway.create_route(ApiId=api.id, RouteKey="another", Target="integrations/two")["RouteId"]
    with pytest.raises(gateway.exceptions.ConflictException, match=r"Route with key \$disconnect already exists for this API"):
        gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target="integrations/two")
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.update_route(ApiId=api.id, RouteId=other, RouteKey="$disconnect")
    gateway.update_route(ApiId=api.id, RouteId=other, RouteKey="another", Target="integrations/three")


def test_an_integration_is_deleted_when_no_route_leads_to_it(api: Api) -> None:
    gateway = api.aws.client("apigatewayv2")
    uri = "arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/none/invocations"
    integration = gateway.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationUri=uri)["IntegrationId"]
    route = gateway.create_route(ApiId=api.id, RouteKey="one", Target=f"integrations/{integration}")["RouteId"]
    with pytest.raises(gateway.exceptions.ConflictException, match=route):
        gateway.delete_integration(ApiId=api.id, IntegrationId=integration)
    gateway.delete_route(ApiId=api.id, RouteId=route)
    gateway.delete_integration(ApiId=api.id, IntegrationId=integration)


@pytest.fixture
def group(aws: LocalAws) -> Any:
    logs, name = aws.client("logs"), f"/group/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    yield name
    logs.delete_log_group(logGroupName=name)


def test_a_log_groups_key_is_turned_on_and_off(aws: LocalAws, group: str) -> None:
    logs = aws.client("logs")

    def key() -> str | None:
        [found] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        value: str | None = found.get("kmsKeyId")
        return value

    logs.associate_kms_key(logGroupName=group, kmsKeyId="arn:aws:kms:ap-northeast-2:000000000000:key/one")
    assert key() == "arn:aws:kms:ap-northeast-2:000000000000:key/one"
    logs.disassociate_kms_key(logGroupName=group)
    assert key() is None
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.associate_kms_key(logGroupName="/no/such/group", kmsKeyId="arn:aws:kms:ap-northeast-2:000000000000:key/one")


def test_each_log_event_has_an_id_that_stays_the_same(aws: LocalAws, group: str) -> None:
    logs, now = aws.client("logs"), int(time.time() * 1000)
    events = [{"timestamp": now, "message": "the same line"}] * 2

    def ids() -> list[str]:
        return [event["eventId"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    first = ids()
    assert len(set(first)) == 2
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    assert ids()[:2] == first


def test_dynamodbs_answers_have_their_checksum(aws: LocalAws) -> None:
    answer = aws.client("dynamodb").list_tables()
    assert "x-amz-crc32" in answer["ResponseMetadata"]["HTTPHeaders"]  # a wrong one botocore would have refused


def test_a_function_that_logs_json_is_logged_from_its_levels_on(api: Api) -> None:
    functions, logs = api.aws.client("lambda"), api.aws.client("logs")
    name = api.function('def handler(event, context):\n    print(\'{{"level": "INFO"}}\\n{{"level": "WARN"}}\\nno level\')')

    def logged(**levels: str) -> list[str]:
        """The kinds of lines that one more invocation leaves behind."""
        functions.update_function_configuration(FunctionName=name, LoggingConfig={"LogFormat": "JSON", **levels})
        known = len(logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]) if levels else 0
        functions.invoke(FunctionName=name)
        lines = [event["message"] for event in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]][known:]
        return [json.loads(line).get("type") or json.loads(line)["level"] if line.startswith("{") else line for line in lines]

    assert logged() == ["platform.start", "INFO", "WARN", "no level", "platform.report"]
    assert logged(SystemLogLevel="WARN", ApplicationLogLevel="WARN") == ["WARN", "no level"]


def test_a_report_in_json_has_the_metrics_under_lambdas_names(api: Api) -> None:
    name = api.function("def handler(event, context): pass")
    api.aws.client("lambda").update_function_configuration(FunctionName=name, LoggingConfig={"LogFormat": "JSON"})
    api.aws.client("lambda").invoke(FunctionName=name)
    *_, last = api.aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    report = json.loads(last["message"])["record"]
    assert report["metrics"].keys() == {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB"}
