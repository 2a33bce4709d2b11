"""A WebSocket API sends its events as AWS does: to what lets it, once, and what it cannot deliver is lost."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus

from local.aws import REGION, is_disconnect, is_queued

from .conftest import KEEP_EVENT, Api, policy

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "events").glob("*.json"))
ACCOUNT = "000000000000"
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
SEND = "Action=SendMessage&MessageBody=" + "%26".join(
    f'{name}%3D$util.urlEncode($util.urlEncode("$!context.{name}"))'
    for name in ("connectionId", "eventType", "identity.userAgent", "disconnectReason", "nonsense")
)
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


def shape(value: Any) -> Any:
    return {name: shape(v) for name, v in value.items()} if isinstance(value, dict) else type(value).__name__


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_an_event_has_the_fields_and_types_of_a_real_one(observed: Api, sample: Path) -> None:
    real = json.loads(sample.read_text())
    real["requestContext"].pop("authorizer", None)  # only where $connect has one
    options: dict[str, Any] = {} if "userAgent" in real["requestContext"]["identity"] else {"user_agent_header": None}
    with observed.connect(**options):
        connected = (observed.next_event() or {})["requestContext"]
        observed.next_event(wait=1)
    event = observed.next_event() or {}
    assert shape(event) == shape(real)
    ended = event["requestContext"]
    assert ended["connectionId"] == connected["connectionId"]
    assert (len(ended["connectionId"]), ended["connectionId"][-1]) == (16, "="), "an id needs quoting in a URL"
    assert ended["connectedAt"] == connected["connectedAt"] <= ended["requestTimeEpoch"] - 1000


def test_a_message_reaches_its_route_with_its_body(observed: Api) -> None:
    observed.route("ping", observed.functions[0])
    with observed.connect() as socket:
        observed.next_event()
        socket.send('{"action": "ping"}')
        event = observed.next_event() or {}
    assert (event["requestContext"]["eventType"], event["body"]) == ("MESSAGE", '{"action": "ping"}')


@pytest.mark.parametrize(
    ("source", "invoked"),
    [
        ("", False),
        ("{api}/prod/$disconnect", False),
        ("{api}/dev/$connect", False),
        ("arn:aws:execute-api:*:*:other/*", False),
        ("{api}/*/$disconnect", True),
        ("{api}/*", True),
    ],
)
def test_a_function_must_let_the_route_invoke_it(api: Api, source: str, invoked: bool) -> None:
    api.route("$disconnect", api.function(KEEP_EVENT), source=source.format(api=api.execution_arn))
    with api.connect():
        pass
    assert bool(api.next_event(wait=10 if invoked else 2)) is invoked


def test_a_connect_that_fails_refuses_the_client(api: Api) -> None:
    api.route("$connect", api.function("def handler(event, context): raise ValueError"))
    with pytest.raises(InvalidStatus), api.connect():
        pass


@pytest.mark.parametrize(("fault", "deliveries"), [("cut", 0), ("TooManyRequestsException", 0), ("repeat", 2), ("pass", 1)])
def test_disconnects_can_be_lost_throttled_repeated_and_delayed(observed: Api, fault: str, deliveries: int) -> None:
    observed.aws.faults.fail("lambda", fault, where=is_disconnect, delay=0.5)
    with observed.connect():
        assert observed.next_event()
    assert all(observed.next_event(wait=3) for _ in range(deliveries))
    assert observed.next_event(wait=1) is None


def test_a_function_reaches_connections_as_its_role_allows(observed: Api) -> None:
    asks = """
        import boto3
        def handler(event, context):
            return boto3.client("apigatewaymanagementapi").get_connection(ConnectionId=event["id"])["Identity"]
    """
    resource = f"{observed.execution_arn}/dev/%s/@connections/*"
    endpoint = f"https://{observed.id}.execute-api.ap-northeast-2.amazonaws.com/dev"
    settings = {"Environment": {"Variables": {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": endpoint}}}
    statement = {"Effect": "Allow", "Action": "execute-api:ManageConnections"}
    may, may_not = (observed.function(asks, [statement | {"Resource": resource % method}], **settings) for method in ("GET", "POST"))

    def ask(function: str) -> str:
        event = json.dumps({"id": connection_id})
        return str(observed.aws.client("lambda").invoke(FunctionName=function, Payload=event)["Payload"].read().decode())

    with observed.connect():
        connection_id = (observed.next_event() or {})["requestContext"]["connectionId"]
        assert "127.0.0.1" in ask(may)
        assert "AccessDenied" in ask(may_not) or "Forbidden" in ask(may_not)
    observed.next_event()
    assert "GoneException" in ask(may)
    with pytest.raises(ClientError, match=r"410|Gone"):
        observed.aws.connections(observed.id, "dev").delete_connection(ConnectionId=connection_id)


def test_routes_and_integrations_in_use_conflict(api: Api) -> None:
    gateway = api.aws.client("apigatewayv2")
    uri = "arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/none/invocations"
    integration = gateway.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationUri=uri)["IntegrationId"]
    route = gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target=f"integrations/{integration}")["RouteId"]
    other = gateway.create_route(ApiId=api.id, RouteKey="another", Target="integrations/two")["RouteId"]
    with pytest.raises(gateway.exceptions.ConflictException, match=r"Route with key \$disconnect already exists for this API"):
        gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target="integrations/two")
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.update_route(ApiId=api.id, RouteId=other, RouteKey="$disconnect")
    gateway.update_route(ApiId=api.id, RouteId=other, RouteKey="another", Target="integrations/three")
    with pytest.raises(gateway.exceptions.ConflictException, match=route):
        gateway.delete_integration(ApiId=api.id, IntegrationId=integration)
    gateway.delete_route(ApiId=api.id, RouteId=route)
    gateway.delete_integration(ApiId=api.id, IntegrationId=integration)


# Routes to a queue


def role(api: Api, service: str = "apigateway.amazonaws.com", allow: dict[str, Any] | None = SENDS) -> str:
    name, iam = f"gateway-{uuid.uuid4().hex[:8]}", api.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    arn = str(iam.create_role(RoleName=name, Path="/some/path/", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
    if allow:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow))
    return arn


def queue_route(api: Api, role_arn: str, key: str = "$disconnect", **changes: Any) -> str:
    """Lead the route to the queue `events`; the integration's id."""
    gateway, queue = api.aws.client("apigatewayv2"), api.events.rpartition("/")[2]
    integration: dict[str, Any] = {
        "IntegrationType": "AWS",
        "IntegrationMethod": "POST",
        "IntegrationUri": f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/{queue}",
        "CredentialsArn": role_arn,
        "PassthroughBehavior": "NEVER",
        "TemplateSelectionExpression": "\\$default",
        "RequestTemplates": {"$default": SEND},
        "RequestParameters": FORM,
        **changes,
    }
    made = gateway.create_integration(ApiId=api.id, **integration)
    assert integration.items() <= made.items()
    gateway.create_route(ApiId=api.id, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
    return str(made["IntegrationId"])


def message(api: Api, wait: int = 10) -> dict[str, list[str]] | None:
    for found in api.aws.client("sqs").receive_message(QueueUrl=api.events, WaitTimeSeconds=wait).get("Messages", []):
        return parse_qs(found["Body"])
    return None


def close(api: Api, reason: str = "", wait: int = 10, **options: Any) -> dict[str, list[str]] | None:
    """What comes into the queue after a client has connected and closed."""
    with api.connect(**options) as socket:
        socket.close(4000, reason)
    return message(api, wait)


def test_a_queued_event_comes_once_as_the_template_makes_it(api: Api) -> None:
    queue_route(api, role(api))
    agent = "a&connectionId=b%26c=$context.connectionId\"'#set($x)"
    found = close(api, "x&y=%\n\0é$input", user_agent_header=agent) or {}
    assert found.keys() == {"connectionId", "eventType", "identity.userAgent", "disconnectReason"}
    assert found["identity.userAgent"] == [agent]
    assert found["disconnectReason"] == ["x&y=%\n\0é$input"]
    assert found["eventType"] == ["DISCONNECT"]
    assert message(api, 1) is None


@pytest.mark.parametrize(
    ("role_arn", "changes", "metric"),
    [
        (lambda api: f"arn:aws:iam::{ACCOUNT}:role/nobody", {}, "ExecutionError"),
        (lambda api: role(api, "lambda.amazonaws.com"), {}, "ExecutionError"),
        (role, {"TemplateSelectionExpression": "other"}, "ExecutionError"),
        (lambda api: role(api, allow=None), {}, "IntegrationError"),
        (role, {"IntegrationUri": f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/nowhere"}, "IntegrationError"),
    ],
    ids=["no role", "a role for Lambda", "no template", "may not send", "no queue"],
)
def test_what_can_not_be_sent_is_lost(api: Api, role_arn: Any, changes: dict[str, Any], metric: str) -> None:
    queue_route(api, role_arn(api), **changes)
    assert close(api, wait=1) is None
    ask = api.aws.client("cloudwatch").list_metrics(Namespace="AWS/ApiGateway", MetricName=metric)["Metrics"]
    assert {"Name": "ApiId", "Value": api.id} in [dimension for found in ask for dimension in found["Dimensions"]]


@pytest.mark.parametrize("fault", ["ServiceUnavailable", "cut"])
def test_a_failed_send_is_not_repeated(api: Api, fault: str) -> None:
    queue_route(api, role(api))
    api.aws.faults.fail("sqs", fault, where=is_queued, times=1)
    assert close(api, wait=1) is None


def test_a_queue_may_admit_one_role_alone(api: Api) -> None:
    one, two = role(api), role(api)
    condition = {"ArnNotEquals": {"aws:PrincipalArn": one}}
    only = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*", "Condition": condition}
    api.aws.client("sqs").set_queue_attributes(QueueUrl=api.events, Attributes={"Policy": policy(only)})
    integration = queue_route(api, two)
    assert close(api, wait=1) is None
    changed = api.aws.client("apigatewayv2").update_integration(ApiId=api.id, IntegrationId=integration, CredentialsArn=one)
    assert (changed["CredentialsArn"], changed["TemplateSelectionExpression"]) == (one, "\\$default")
    assert close(api)
