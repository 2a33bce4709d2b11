"""Route events and connection ids look as AWS documents them and as real ones look.

MiniStack: connectedAt is the time of the event, messageDirection is missing, a $disconnect event has a body and no headers, and a
connection id has no =, so a missing URL quote goes unnoticed. Under uvicorn a cut line looks like a close without a code. A $disconnect
waits up to half a second for the queue of messages to the client, which is closed here at once.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import os
import time
from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway

from . import connections_api, replaces

_ids: ContextVar[list[str] | None] = ContextVar("ids", default=None)  # those made for the socket at hand; the first is the connection's
_connected_at: dict[str, int] = {}  # connection id -> epoch ms
_handle_websocket = apigateway.handle_websocket
_new_uuid = apigateway.new_uuid


@replaces(apigateway, "handle_websocket", "6d609b2db6a0")
async def handle_websocket(scope: Any, receive: Any, send: Any, *args: Any, **kwargs: Any) -> None:
    async def receive_with_code() -> Any:
        message = await receive()
        if message["type"] != "websocket.disconnect":
            return message
        if connection := apigateway._ws_connections.get(ids[0] if ids else ""):
            connection["outbox"].put_nowait(None)
        return message if "reason" in message else {**message, "code": 1006}  # no close frame came

    ids: list[str] = []
    _ids.set(ids)
    await _handle_websocket(scope, receive_with_code, send, *args, **kwargs)


@replaces(apigateway, "new_uuid", "1a88ffd41fb7")
def new_id() -> str:
    """Connection and request ids: 11 bytes in base64, such as `QwErScSNvHcCH8A=`."""
    ids = _ids.get()
    if ids is None:
        return str(_new_uuid())
    ids.append(base64.b64encode(os.urandom(11), b"_A").decode())
    return ids[-1]


def event(
    route_key: str,
    event_type: str,
    api_id: str,
    stage: str,
    region: str,
    connection_id: str,
    request_id: str,
    body: str,
    source_ip: str,
    headers: dict[str, str],
    query_params: dict[str, Any] | None,
    extra: dict[str, Any],
) -> dict[str, Any]:
    now = int(time.time() * 1000)
    domain = f"{api_id}.execute-api.{region}.amazonaws.com"
    context = {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now / 1000)),
        "messageDirection": "IN",
        "stage": stage,
        "connectedAt": _connected_at.setdefault(connection_id, now),
        "requestTimeEpoch": now,
        "identity": {"sourceIp": source_ip} | ({"userAgent": headers["user-agent"]} if "user-agent" in headers else {}),
        "requestId": request_id,
        "domainName": domain,
        "connectionId": connection_id,
        "apiId": api_id,
    }
    if extra.get("authorizer") is not None:
        context["authorizer"] = extra["authorizer"]
    if event_type == "CONNECT":
        return {"requestContext": context, "isBase64Encoded": False, **apigateway._ws_connect_fields(headers, query_params)}
    if event_type == "MESSAGE":
        context["messageId"] = request_id
        return {"requestContext": context, "body": body, "isBase64Encoded": False}

    _connected_at.pop(connection_id, None)
    code, reason = connections_api.close_status(
        connection_id, int(extra.get("disconnect_code", 1005)), extra.get("disconnect_reason") or ""
    )
    context |= {"disconnectStatusCode": code, "disconnectReason": reason}
    fixed = {"Host": domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    return {
        "headers": fixed,
        "multiValueHeaders": {name: [value] for name, value in fixed.items()},
        "requestContext": context,
        "isBase64Encoded": False,
    }
