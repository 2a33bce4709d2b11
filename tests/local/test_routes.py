"""A WebSocket API sends its events as AWS does: to what lets it, once, and what it cannot deliver is lost."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import parse_qs

import pytest
from websockets.exceptions import InvalidStatus

from local.aws import REGION, REPOSITORY, is_disconnect, is_queued

from .conftest import KEEP_EVENT, Api, policy

SAMPLES = [json.loads(path.read_text()) for path in (REPOSITORY / "tests" / "data" / "events").glob("*.json")]
ACCOUNT = "000000000000"
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
SEND = "Action=SendMessage&MessageBody=" + "%26".join(
    f'{name}%3D$util.urlEncode($util.urlEncode("$!context.{name}"))'
    for name in ("connectionId", "eventType", "identity.userAgent", "disconnectReason", "nonsense")
)
QUEUE_URI = f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/{{}}"
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


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
    api.route("$disconnect", function, source="")
    allowed = {"FunctionName": function, "StatementId": "it", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    for source, invoked in (
        (f"{api.execution_arn}/prod/$disconnect", False),
        (f"{api.execution_arn}/dev/$connect", False),
        ("arn:aws:execute-api:*:*:other/*", False),
        (f"{api.execution_arn}/*/$disconnect", True),
        (f"{api.execution_arn}/*", True),
    ):
        functions.add_permission(**allowed, SourceArn=source)
        with api.connect():
            pass
        assert bool(api.next_event(wait=10 if invoked else 2)) is invoked, source
        functions.remove_permission(FunctionName=function, StatementId="it")
    with api.connect():
        pass
    assert api.next_event(wait=2) is None


def test_a_connect_that_fails_refuses_the_client(api: Api) -> None:
    api.route("$connect", api.function("def handler(event, context): raise ValueError"))
    with pytest.raises(InvalidStatus), api.connect():
        pass


@pytest.mark.parametrize(("fault", "deliveries"), [("cut", 0), ("TooManyRequestsException", 0), ("repeat", 2)])
def test_disconnects_can_be_lost_throttled_and_repeated(observed: Api, fault: str, deliveries: int) -> None:
    observed.aws.faults.fail("lambda", fault, where=is_disconnect)
    with observed.connect():
        assert observed.next_event()
    assert all(observed.next_event(wait=3) for _ in range(deliveries))
    assert observed.next_event(wait=1) is None


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


# Routes to a queue


def role(api: Api, service: str = "apigateway.amazonaws.com", allow: dict[str, Any] | None = SENDS) -> str:
    name, iam = f"gateway-{uuid.uuid4().hex[:8]}", api.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    arn = str(iam.create_role(RoleName=name, Path="/some/path/", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
    if allow:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow))
    return arn


@pytest.fixture
def integration(api: Api) -> dict[str, Any]:
    """Of a `$disconnect` route that leads to the queue `events`."""
    gateway, queue = api.aws.client("apigatewayv2"), api.events.rpartition("/")[2]
    wanted = {
        "IntegrationType": "AWS",
        "IntegrationMethod": "POST",
        "IntegrationUri": QUEUE_URI.format(queue),
        "CredentialsArn": role(api),
        "PassthroughBehavior": "NEVER",
        "TemplateSelectionExpression": "\\$default",
        "RequestTemplates": {"$default": SEND},
        "RequestParameters": FORM,
    }
    made = gateway.create_integration(ApiId=api.id, **wanted)
    assert wanted.items() <= made.items()
    gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target=f"integrations/{made['IntegrationId']}")
    return wanted | {"ApiId": api.id, "IntegrationId": made["IntegrationId"]}


def close(api: Api, reason: str = "", wait: int = 10, **options: Any) -> list[dict[str, list[str]]]:
    """What comes into the queue after a client has connected and closed."""
    with api.connect(**options) as socket:
        socket.close(4000, reason)
    found = api.aws.client("sqs").receive_message(QueueUrl=api.events, WaitTimeSeconds=wait, MaxNumberOfMessages=10)
    return [parse_qs(message["Body"]) for message in found.get("Messages", [])]


@pytest.mark.usefixtures("integration")
def test_a_queued_event_comes_once_as_the_template_makes_it(api: Api) -> None:
    agent = "a&connectionId=b%26c=$context.connectionId\"'#set($x)"
    [found] = close(api, "x&y=%\n\0é$input", user_agent_header=agent)
    assert found.keys() == {"connectionId", "eventType", "identity.userAgent", "disconnectReason"}
    assert found["identity.userAgent"] == [agent]
    assert found["disconnectReason"] == ["x&y=%\n\0é$input"]
    assert found["eventType"] == ["DISCONNECT"]
    assert "Messages" not in api.aws.client("sqs").receive_message(QueueUrl=api.events, WaitTimeSeconds=1)


def test_what_can_not_be_sent_is_lost(api: Api, integration: dict[str, Any]) -> None:
    gateway, cloudwatch = api.aws.client("apigatewayv2"), api.aws.client("cloudwatch")

    def errors(metric: str) -> bool:
        found = cloudwatch.list_metrics(Namespace="AWS/ApiGateway", MetricName=metric)["Metrics"]
        return {"Name": "ApiId", "Value": api.id} in [dimension for metric in found for dimension in metric["Dimensions"]]

    for what, change in (
        ("ExecutionError", {"CredentialsArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}),
        ("ExecutionError", {"CredentialsArn": role(api, "lambda.amazonaws.com")}),
        ("ExecutionError", {"TemplateSelectionExpression": "other"}),
        ("IntegrationError", {"CredentialsArn": role(api, allow=None)}),
        ("IntegrationError", {"IntegrationUri": QUEUE_URI.format("nowhere")}),
    ):
        gateway.update_integration(**integration | change)
        assert close(api, wait=1) == [], change
        assert errors(what), change
        assert errors("IntegrationError") is (what == "IntegrationError")
    gateway.update_integration(**integration)
    for fault in ("ServiceUnavailable", "cut"):
        with api.aws.faults.fail("sqs", fault, where=is_queued, times=1):
            assert close(api, wait=1) == [], "a failed send is not repeated"
    assert len(close(api)) == 1
