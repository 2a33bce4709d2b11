"""A WebSocket API sends its events as AWS does: to what lets it, once, and what it cannot deliver is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.aws import REGION, REPOSITORY, is_queued

from .conftest import KEEP_EVENT, SEND, Api, role

SAMPLES = [json.loads(path.read_text()) for path in (REPOSITORY / "tests" / "data" / "events").glob("*.json")]
QUEUE_URI = f"arn:aws:apigateway:{REGION}:sqs:path/000000000000/{{}}"
GATEWAY = "apigateway.amazonaws.com"


def shape(value: Any) -> Any:
    return {name: shape(v) for name, v in value.items()} if isinstance(value, dict) else type(value).__name__


@pytest.mark.parametrize("agent", ["a browser", None])
def test_an_event_has_the_fields_and_types_of_real_ones(observed: Api, agent: str | None) -> None:
    with observed.connect(user_agent_header=agent):
        connected = (observed.next_event() or {})["requestContext"]
        observed.next_event(wait=1)
    event = observed.next_event() or {}
    ended = event["requestContext"]
    real = [sample for sample in SAMPLES if ("userAgent" in sample["requestContext"]["identity"]) is bool(agent)]
    for sample in real:
        sample["requestContext"].pop("authorizer", None)  # only where $connect has one
        assert shape(event) == shape(sample)
    assert real
    assert ended["connectionId"] == connected["connectionId"]
    assert (len(ended["connectionId"]), ended["connectionId"][-1]) == (16, "="), "an id needs quoting in a URL"
    assert ended["connectedAt"] == connected["connectedAt"] <= ended["requestTimeEpoch"] - 1000


def test_a_function_must_let_the_route_invoke_it(api: Api) -> None:
    function, functions = api.function(KEEP_EVENT), api.aws.client("lambda")
    api.route("$disconnect", function)
    allowed = {"FunctionName": function, "StatementId": "disconnect", "Action": "lambda:InvokeFunction", "Principal": GATEWAY}
    for source, invoked in (
        (f"{api.execution_arn}/prod/$disconnect", False),
        (f"{api.execution_arn}/live/$connect", False),
        ("arn:aws:execute-api:*:*:other/*", False),
        (f"{api.execution_arn}/*/$disconnect", True),
        (f"{api.execution_arn}/*", True),
    ):
        functions.remove_permission(FunctionName=function, StatementId="disconnect")
        functions.add_permission(**allowed, SourceArn=source)
        with api.connect():
            pass
        assert bool(api.next_event(wait=10 if invoked else 2)) is invoked, source


def test_routes_and_integrations_in_use_conflict(api: Api) -> None:
    gateway = api.aws.client("apigatewayv2")
    integration = gateway.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY")["IntegrationId"]
    routes = {
        key: gateway.create_route(ApiId=api.id, RouteKey=key, Target=f"integrations/{target}")["RouteId"]
        for key, target in (("$disconnect", integration), ("another", "two"))
    }
    for method, arguments, said in (
        ("create_route", {"RouteKey": "$disconnect"}, r"Route with key \$disconnect already exists for this API"),
        ("update_route", {"RouteId": routes["another"], "RouteKey": "$disconnect"}, "already exists"),
        ("delete_integration", {"IntegrationId": integration}, routes["$disconnect"]),
    ):
        with pytest.raises(gateway.exceptions.ConflictException, match=said):
            getattr(gateway, method)(ApiId=api.id, **arguments)
    gateway.update_route(ApiId=api.id, RouteId=routes["another"], RouteKey="another")
    gateway.delete_route(ApiId=api.id, RouteId=routes["$disconnect"])
    gateway.delete_integration(ApiId=api.id, IntegrationId=integration)


def test_what_a_route_can_not_send_to_its_queue_is_lost(api: Api) -> None:
    """tests/lifecycle/test_queue.py shows what comes through a queue."""
    gateway, cloudwatch, sqs = (api.aws.client(service) for service in ("apigatewayv2", "cloudwatch", "sqs"))
    wanted = {
        "IntegrationType": "AWS",
        "IntegrationMethod": "POST",
        "IntegrationUri": QUEUE_URI.format(api.events.rpartition("/")[2]),
        "CredentialsArn": role(api.aws, SEND, service=GATEWAY, path="/some/path/"),
        "PassthroughBehavior": "NEVER",
        "TemplateSelectionExpression": "\\$default",
        "RequestTemplates": {"$default": "Action=SendMessage&MessageBody=$context.connectionId"},
        "RequestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
    }
    made = gateway.create_integration(ApiId=api.id, **wanted)
    assert wanted.items() <= made.items()
    integration = wanted | {"ApiId": api.id, "IntegrationId": made["IntegrationId"]}
    gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target=f"integrations/{made['IntegrationId']}")

    def sent(wait: int = 1) -> int:
        with api.connect():
            pass
        return len(sqs.receive_message(QueueUrl=api.events, WaitTimeSeconds=wait, MaxNumberOfMessages=10).get("Messages", []))

    def errors(metric: str) -> bool:
        found = cloudwatch.list_metrics(Namespace="AWS/ApiGateway", MetricName=metric)["Metrics"]
        return {"Name": "ApiId", "Value": api.id} in [dimension for metric in found for dimension in metric["Dimensions"]]

    for what, change in (
        ("ExecutionError", {"CredentialsArn": "arn:aws:iam::000000000000:role/nobody"}),
        ("ExecutionError", {"CredentialsArn": role(api.aws, SEND)}),
        ("ExecutionError", {"TemplateSelectionExpression": "other"}),
        ("IntegrationError", {"CredentialsArn": role(api.aws, service=GATEWAY)}),
        ("IntegrationError", {"IntegrationUri": QUEUE_URI.format("nowhere")}),
    ):
        gateway.update_integration(**integration | change)
        assert sent() == 0, change
        assert errors(what), change
        assert errors("IntegrationError") is (what == "IntegrationError")
    gateway.update_integration(**integration)
    for fault in ("ServiceUnavailable", "cut"):
        with api.aws.faults.fail("sqs", fault, where=is_queued, times=1):
            assert sent() == 0, "a failed send is not repeated"
    assert sent(wait=10) == 1
