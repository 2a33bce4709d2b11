"""The authorizer of examples/websocket-api: who a client is, it says, and not the client."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .conftest import KEEP_EVENT, Api

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "websocket-api" / "authorize" / "authorize.py"
SECRET = "s" * 32


@pytest.fixture(scope="module")
def authorize() -> ModuleType:
    spec = importlib.util.spec_from_file_location("authorize", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url(api: Api) -> str:
    gateway, functions = api.aws.client("apigatewayv2"), api.aws.client("lambda")
    code = SOURCE.read_text().replace("{", "{{").replace("}", "}}") + "\nhandler = lambda_handler\n"
    name = api.function(code, Environment={"Variables": {"TOKEN_SECRET": SECRET}})
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    functions.add_permission(FunctionName=name, StatementId="gateway", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    authorizer = gateway.create_authorizer(
        ApiId=api.id,
        Name="token",
        AuthorizerType="REQUEST",
        AuthorizerUri=f"arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{arn}/invocations",
        IdentitySource=["route.request.querystring.token"],
    )["AuthorizerId"]
    api.route("$connect", api.function(KEEP_EVENT))
    [route] = gateway.get_routes(ApiId=api.id)["Items"]
    gateway.update_route(ApiId=api.id, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    return api.aws.websocket_url(api.id, "dev")


def test_connect_learns_who_the_token_names(api: Api, url: str, authorize: ModuleType) -> None:
    token = authorize.sign(SECRET, "ann@example.com", int(time.time()) + 60)
    with connect(f"{url}?token={token}&clientId=kim", proxy=None):
        event = api.next_event() or {}
    assert event["requestContext"]["authorizer"]["clientId"] == "ann@example.com"


@pytest.mark.parametrize("query", ["", "?clientId=ann", "?token=", "?token=a.b", "?token=YW5u.9999999999.00", "other secret", "expired"])
def test_nobody_else_is_admitted(api: Api, url: str, authorize: ModuleType, query: str) -> None:
    if query == "other secret":
        query = f"?token={authorize.sign('x' * 32, 'ann', int(time.time()) + 60)}"
    elif query == "expired":
        query = f"?token={authorize.sign(SECRET, 'ann', int(time.time()) - 1)}"
    with pytest.raises(InvalidStatus, match=r"40[13]"):
        connect(f"{url}{query}", proxy=None)
    assert api.next_event(wait=0) is None
