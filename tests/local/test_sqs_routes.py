"""A route may lead to a queue: API Gateway sends as the integration's role, once, and what it can't send is lost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from local.aws import REGION, is_queued

from .conftest import Api, policy

ACCOUNT = "000000000000"
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
SEND = "Action=SendMessage&MessageBody=" + "%26".join(
    f'{name}%3D$util.urlEncode($util.urlEncode("$!context.{name}"))'
    for name in ("connectionId", "eventType", "identity.userAgent", "disconnectReason", "nonsense")
)
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


def trust(service: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}


def role(api: Api, service: str = "apigateway.amazonaws.com", allow: dict[str, Any] | None = SENDS) -> str:
    name, iam = f"gateway-{uuid.uuid4().hex[:8]}", api.aws.client("iam")
    arn = str(iam.create_role(RoleName=name, Path="/some/path/", AssumeRolePolicyDocument=policy(trust(service)))["Role"]["Arn"])
    if allow:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow))
    return arn


def queue_route(api: Api, role_arn: str, **changes: Any) -> str:
    """Lead `$disconnect` to the queue `events`; the integration's id."""
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
    gateway.create_route(ApiId=api.id, RouteKey="$disconnect", Target=f"integrations/{made['IntegrationId']}")
    return str(made["IntegrationId"])


def message(api: Api, wait: int = 10) -> dict[str, list[str]] | None:
    for found in api.aws.client("sqs").receive_message(QueueUrl=api.events, WaitTimeSeconds=wait).get("Messages", []):
        return parse_qs(found["Body"])
    return None


def close(api: Api, reason: str = "", **options: Any) -> dict[str, list[str]] | None:
    with api.connect(**options) as socket:
        socket.close(4000, reason)
    return message(api)


@pytest.fixture
def unfilled(api: Api) -> Iterator[None]:
    file = api.aws.folder / "unfilled"
    file.write_text("disconnectStatusCode disconnectReason")
    yield
    file.unlink()


def test_an_event_comes_as_the_template_makes_it(api: Api) -> None:
    queue_route(api, role(api))
    agent = "a&connectionId=b%26c=$context.connectionId\"'#set($x)"
    found = close(api, "x&y=%\n\0é$input", user_agent_header=agent) or {}
    assert found.keys() == {"connectionId", "eventType", "identity.userAgent", "disconnectReason"}
    assert found["identity.userAgent"] == [agent]
    assert found["disconnectReason"] == ["x&y=%\n\0é$input"]
    assert found["eventType"] == ["DISCONNECT"]
    assert message(api, 1) is None


def test_a_variable_can_come_out_empty(api: Api, unfilled: None) -> None:
    queue_route(api, role(api))
    assert "disconnectReason" not in (close(api, "bye") or {"disconnectReason": []})


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
    with api.connect():
        pass
    assert message(api, 1) is None
    ask = api.aws.client("cloudwatch").list_metrics(Namespace="AWS/ApiGateway", MetricName=metric)["Metrics"]
    assert {"Name": "ApiId", "Value": api.id} in [dimension for found in ask for dimension in found["Dimensions"]]


@pytest.mark.parametrize(("others", "comes"), [(False, True), (True, False)])
def test_the_queue_may_admit_one_role_alone(api: Api, others: bool, comes: bool) -> None:
    one, two = role(api), role(api)
    condition = {"ArnNotEquals": {"aws:PrincipalArn": one}}
    only = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*", "Condition": condition}
    api.aws.client("sqs").set_queue_attributes(QueueUrl=api.events, Attributes={"Policy": policy(only)})
    queue_route(api, two if others else one)
    with api.connect():
        pass
    assert (message(api, 5 if comes else 1) is not None) == comes


@pytest.mark.parametrize("fault", ["ServiceUnavailable", "cut"])
def test_a_failed_send_is_not_repeated(api: Api, fault: str) -> None:
    queue_route(api, role(api))
    api.aws.faults.fail("sqs", fault, where=is_queued, times=1)
    with api.connect():
        pass
    assert message(api, 1) is None


def test_an_integration_changes_in_place(api: Api) -> None:
    integration, other = queue_route(api, role(api, allow=None)), role(api)
    changed = api.aws.client("apigatewayv2").update_integration(ApiId=api.id, IntegrationId=integration, CredentialsArn=other)
    assert (changed["CredentialsArn"], changed["TemplateSelectionExpression"]) == (other, "\\$default")
    assert close(api)


def test_any_route_may_lead_there(api: Api) -> None:
    integration = queue_route(api, role(api))
    api.aws.client("apigatewayv2").create_route(ApiId=api.id, RouteKey="$connect", Target=f"integrations/{integration}")
    with api.connect():
        assert (message(api) or {})["eventType"] == ["CONNECT"]
