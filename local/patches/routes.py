"""API Gateway's WebSocket APIs: routes, integrations, events, @connections."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.httpsession import URLLib3Session
from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import fnmatch_iam_cs
from ministack.services import apigateway, apigateway_v1, cloudwatch, iam, lambda_svc

from . import replaces

INTEGRATION_TIMEOUT = 29
AT_ONCE = 16  # each is a Python process; a region has more room than this machine, so the others wait instead of being throttled
KEPT = ("credentialsArn", "passthroughBehavior", "templateSelectionExpression")
CONTENT_TYPE = "integration.request.header.Content-Type"
UNFILLED = Path(tempfile.gettempdir()) / "unfilled"

_ids: ContextVar[list[str] | None] = ContextVar("ids", default=None)  # those made for the socket at hand; the first is the connection's
_connected_at: dict[str, int] = {}  # connection id -> epoch ms
_closed_by_server: set[str] = set()
_turn = asyncio.Semaphore(AT_ONCE)
_once = Config(retries={"total_max_attempts": 1}, read_timeout=INTEGRATION_TIMEOUT, max_pool_connections=AT_ONCE)
_clients: dict[str, Any] = {}
_http = URLLib3Session(timeout=INTEGRATION_TIMEOUT, max_pool_connections=AT_ONCE)


@replaces(apigateway, "_create_route", "9fffc0fee702")
@replaces(apigateway, "_update_route", "c7242cb3edee")
def put_route(original: Any, api_id: str, *route_id_and_data: Any) -> Any:
    """An API has one route for each key; a second one is refused (409 ConflictException).

    MiniStack: Any number is accepted, and the first one serves.
    Source: https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html
    """
    *own, data = route_id_and_data
    key = data.get("routeKey")
    if any(route["routeKey"] == key and route_id not in own for route_id, route in apigateway._routes.get(api_id, {}).items()):
        return apigateway._apigw_error("ConflictException", f"Route with key {key} already exists for this API", 409)
    return original(api_id, *route_id_and_data)


@replaces(apigateway, "_delete_integration", "de8602893260")
def delete_integration(original: Any, api_id: str, integration_id: str) -> Any:
    """An integration that a route still uses cannot be deleted (409 ConflictException).

    MiniStack: It is deleted, and the route has no target.
    Source: https://github.com/milliHQ/terraform-aws-next-js/issues/247
    """
    routes = apigateway._routes.get(api_id, {}).items()
    using = [route_id for route_id, route in routes if route.get("target") == f"integrations/{integration_id}"]
    if not using:
        return original(api_id, integration_id)
    message = f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{', '.join(using)}]"
    return apigateway._apigw_error("ConflictException", message, 409)


@replaces(apigateway, "_create_integration", "970005e3a99e")
@replaces(apigateway, "_update_integration", "9fe937d47d75")
def put_integration(original: Any, api_id: str, *integration_id_and_data: Any) -> Any:
    """The answer, with what MiniStack forgets."""
    status, headers, body = original(api_id, *integration_id_and_data)
    if status >= 300:
        return status, headers, body
    integration, data = apigateway._integrations[api_id][json.loads(body)["integrationId"]], integration_id_and_data[-1]
    integration.update({name: data[name] for name in KEPT if data.get(name)})
    return apigateway._apigw_response(integration, status)


@replaces(apigateway, "handle_websocket", "6d609b2db6a0")
async def handle_websocket(original: Any, scope: Any, receive: Any, send: Any, *args: Any, **kwargs: Any) -> None:
    """Route events and connection ids look as AWS documents them and as real ones look.

    MiniStack: connectedAt is the time of the event, messageDirection is missing, a $disconnect event has a body and no headers, and a
    connection id has no =, so a missing URL quote goes unnoticed. Under uvicorn a cut line looks like a close without a code. A
    $disconnect waits up to half a second for the queue of messages to the client, which is closed here at once.
    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
    """

    async def receive_with_code() -> Any:
        message = await receive()
        if message["type"] != "websocket.disconnect":
            return message
        if connection := apigateway._ws_connections.get(ids[0] if ids else ""):
            connection["outbox"].put_nowait(None)
        return message if "reason" in message else {**message, "code": 1006}  # no close frame came

    ids: list[str] = []
    _ids.set(ids)
    await original(scope, receive_with_code, send, *args, **kwargs)


@replaces(apigateway, "new_uuid", "1a88ffd41fb7")
def new_id(original: Any) -> str:
    """Connection and request ids: 11 bytes in base64, such as `QwErScSNvHcCH8A=`."""
    ids = _ids.get()
    if ids is None:
        return str(original())
    ids.append(base64.b64encode(os.urandom(11), b"_A").decode())
    return ids[-1]


class Call(NamedTuple):
    """What MiniStack says when a route is to be invoked."""

    api_id: str
    account: str
    region: str
    route: dict[str, Any]
    stage: str
    connection_id: str
    event_type: str
    request_id: str
    body: str
    source_ip: str
    headers: dict[str, str]


@replaces(apigateway, "_invoke_ws_lambda", "a80872394b0b")
async def invoke_route(_original: Any, *arguments: Any, query_params: dict[str, Any] | None = None, **extra: Any) -> Any:
    call = Call(*arguments)
    integration = apigateway._integrations.get(call.api_id, {}).get(call.route.get("target", "").rpartition("/")[2])
    if not integration:
        return None
    event = _event(call, query_params, extra)
    where = apigateway_v1._parse_service_integration_uri(integration.get("integrationUri", ""))
    if integration.get("integrationType") == "AWS" and where and where[1:3] == ("sqs", "path"):
        return await _send(call, integration, f"/{where[3]}", where[0], event["requestContext"])
    return await _invoke(call, integration, event)


def _event(call: Call, query_params: dict[str, Any] | None, extra: dict[str, Any]) -> dict[str, Any]:
    which = (call.api_id, call.route["routeKey"], call.stage, call.connection_id, call.event_type, call.request_id)
    context = apigateway._ws_request_context(*which, call.source_ip, call.headers)
    now, domain = context["requestTimeEpoch"], f"{call.api_id}.execute-api.{call.region}.amazonaws.com"
    context |= {
        "extendedRequestId": call.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now / 1000)),
        "messageDirection": "IN",
        "connectedAt": _connected_at.setdefault(call.connection_id, now),
        "domainName": domain,
    }
    if "user-agent" not in call.headers:
        del context["identity"]["userAgent"]
    if extra.get("authorizer") is not None:
        context["authorizer"] = extra["authorizer"]
    if call.event_type == "CONNECT":
        return {"requestContext": context, "isBase64Encoded": False, **apigateway._ws_connect_fields(call.headers, query_params)}
    if call.event_type == "MESSAGE":
        return {"requestContext": context | {"messageId": call.request_id}, "body": call.body, "isBase64Encoded": False}

    _connected_at.pop(call.connection_id, None)
    code, reason = int(extra.get("disconnect_code", 1005)), extra.get("disconnect_reason") or ""
    if call.connection_id in _closed_by_server:
        _closed_by_server.discard(call.connection_id)
        code, reason = 1000, "Connection Closed Normally"
    elif code == 1005:
        reason = "Client-side close frame status not set"
    fixed = {"Host": domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    return {
        "headers": fixed,
        "multiValueHeaders": {name: [value] for name, value in fixed.items()},
        "requestContext": context | {"disconnectStatusCode": code, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


async def _invoke(call: Call, integration: dict[str, Any], event: dict[str, Any]) -> Any:
    """API Gateway invokes a route's function through Lambda's Invoke API, waits 29 s, never retries, and needs a permission for that
    very route.

    MiniStack: Its worker is called directly, so concurrency limits, logs, metrics and permissions do not count.
    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-integration.html
    """
    arn = apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
    source = f"arn:aws:execute-api:{call.region}:{call.account}:{call.api_id}/{call.stage}/{call.route['routeKey']}"
    function, _config, name = lambda_svc._get_func_record_for_ref_in_scope(arn, account_id=call.account, region=call.region)
    if function is None or not may_invoke(function["policy"], "apigateway.amazonaws.com", source):
        return {"statusCode": 500}

    def answer() -> Any:
        client = _clients.get(call.region) or _clients.setdefault(call.region, boto3.client("lambda", call.region, config=_once))
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        except client.exceptions.TooManyRequestsException:
            return {"statusCode": 429}
        except (BotoCoreError, ClientError):
            return {"statusCode": 500}
        return {"statusCode": 500} if answer.get("FunctionError") else json.loads(answer["Payload"].read())

    async with _turn:
        return await asyncio.to_thread(answer)


def may_invoke(policy: dict[str, Any], service: str, source_arn: str) -> bool:
    """Whether a function's policy lets an AWS service invoke it, on behalf of this resource."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
        and statement["Principal"] == {"Service": service}
        and fnmatch_iam_cs(source_arn, statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*"))
        for statement in policy["Statement"]
    )


async def _send(call: Call, integration: dict[str, Any], path: str, region: str, context: dict[str, Any]) -> dict[str, int]:
    """A WebSocket route can lead to SQS: API Gateway posts what the request template makes of the event, once, as the integration's role.

    MiniStack: A route leads to functions only, and an integration forgets its role and template selection. Here `$context` variables that
    are named in the file `unfilled` of this AWS's folder come out empty: nobody has documented that AWS fills disconnectStatusCode and
    disconnectReason.
    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
    """
    for name in UNFILLED.read_text().split() if UNFILLED.exists() else ():
        context.pop(name, None)
    credentials = _assume(integration.get("credentialsArn", ""), call.account, call.region)
    template = integration.get("requestTemplates", {}).get(integration.get("templateSelectionExpression", "").removeprefix("\\"))
    problem = "ExecutionError"  # nothing was called
    if credentials and template is not None:
        content_type = integration.get("requestParameters", {}).get(CONTENT_TYPE, "application/json").strip("'")
        body = apigateway_v1._render_request_template_v1(template, call.body, {}, context).encode(errors="replace")
        request = AWSRequest("POST", f"{os.environ['AWS_ENDPOINT_URL']}{path}", {"Content-Type": content_type}, body)
        SigV4Auth(credentials, "sqs", region).add_auth(request)
        try:
            answer = await asyncio.to_thread(_http.send, request.prepare())
            if answer.status_code < 300:
                return {"statusCode": 200}
        except HTTPClientError:
            pass
        problem = "IntegrationError"
    cloudwatch.record_metric("AWS/ApiGateway", problem, 1, "Count", {"ApiId": call.api_id, "Stage": call.stage})
    return {"statusCode": 500}


def _assume(role_arn: str, account: str, region: str) -> Credentials | None:
    """A session of the role, if it is there and trusts API Gateway."""
    role = iam._roles.get(role_arn.rpartition("/")[2])
    trust = json.loads(role["AssumeRolePolicyDocument"])["Statement"] if role else []
    if not any(iam_evaluator._service_principal_matches(statement["Principal"], "apigateway.amazonaws.com") for statement in trust):
        return None
    gateway = {"FunctionArn": f"arn:aws:lambda:{region}:{account}:function:gateway", "FunctionName": "BackplaneAssumeRoleSession"}
    return Credentials(*lambda_svc.execution_credentials({**gateway, "Role": role_arn}).values())


@replaces(apigateway, "handle_connections_api", "6fe56ee5b247")
async def handle_connections_api(
    original: Any, method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
) -> Any:
    """GET @connections answers with the API's own field names, and a connection closed by DELETE ends with 1000 "Connection Closed
    Normally".

    MiniStack: GET answers with capitalised names and epoch seconds, which the SDK does not understand. A close by DELETE is reported as
    1005.
    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    connection = apigateway._ws_connections.get(connection_id)
    status, head, answer = await original(method, api_id, stage, connection_id, body, headers)
    if method == "DELETE" and status == 204:
        _closed_by_server.add(connection_id)
    if method == "GET" and status == 200:
        times = {name: cloudwatch._ts_iso(connection[name]) for name in ("connectedAt", "lastActiveAt")}
        answer = json.dumps({**times, "identity": connection["identity"]}).encode()
    return status, head, answer
