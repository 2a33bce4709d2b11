"""The authorizer of examples/websocket-api: it says who a client is, whatever the client says."""

from __future__ import annotations

import runpy
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from local.aws import REPOSITORY

from .conftest import KEEP_EVENT, LAMBDA_URI, Api

SOURCE = REPOSITORY / "examples" / "websocket-api" / "authorize" / "authorize.py"
SECRET = "s" * 32


def test_only_a_valid_token_admits_and_it_names_the_client(api: Api) -> None:
    gateway, functions = api.aws.client("apigatewayv2"), api.aws.client("lambda")
    settings: dict[str, Any] = {"Handler": "index.lambda_handler", "Environment": {"Variables": {"TOKEN_SECRET": SECRET}}}
    name = api.function(SOURCE.read_text(), **settings)
    functions.add_permission(FunctionName=name, StatementId="gateway", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    authorizer = gateway.create_authorizer(
        ApiId=api.id,
        Name="token",
        AuthorizerType="REQUEST",
        AuthorizerUri=LAMBDA_URI.format(name),
        IdentitySource=["route.request.querystring.token"],
    )["AuthorizerId"]
    api.route("$connect", api.function(KEEP_EVENT))
    [route] = gateway.get_routes(ApiId=api.id)["Items"]
    gateway.update_route(ApiId=api.id, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    url, sign, now = api.aws.websocket_url(api.id, "live"), runpy.run_path(str(SOURCE))["sign"], int(time.time())

    forged, expired = sign("x" * 32, "ann", now + 600), sign(SECRET, "ann", now - 1)
    for query in ("clientId=ann", "token=", "token=a.b", "token=YW5u.9999999999.00", f"token={forged}", f"token={expired}"):
        with pytest.raises(InvalidStatus, match=r"40[13]"):
            connect(f"{url}?{query}", proxy=None)
    with connect(f"{url}?token={sign(SECRET, 'ann@example.com', now + 600)}&clientId=kim", proxy=None):
        event = api.next_event() or {}
    assert event["requestContext"]["authorizer"]["clientId"] == "ann@example.com"
    assert api.next_event(wait=0) is None
