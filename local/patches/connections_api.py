"""GET @connections answers with the API's own field names, and a connection closed by DELETE ends with 1000 "Connection Closed
Normally".

MiniStack: GET answers with capitalised names and epoch seconds, which the SDK does not understand. A close by DELETE is reported as
1005.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import json
import time
from typing import Any

from ministack.services import apigateway

from . import replaces

_closed_by_server: set[str] = set()
_handle = apigateway.handle_connections_api


@replaces(apigateway, "handle_connections_api", "6fe56ee5b247")
async def handle(method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]) -> Any:
    connection = apigateway._ws_connections.get(connection_id)
    status, head, answer = await _handle(method, api_id, stage, connection_id, body, headers)
    if method == "DELETE" and status == 204:
        _closed_by_server.add(connection_id)
    if method == "GET" and status == 200:
        times = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(connection[name])) for name in ("connectedAt", "lastActiveAt")}
        answer = json.dumps({**times, "identity": connection["identity"]}).encode()
    return status, head, answer


def close_status(connection_id: str, code: int, reason: str) -> tuple[int, str]:
    """Code and reason as $disconnect tells them."""
    if connection_id in _closed_by_server:
        _closed_by_server.discard(connection_id)
        return 1000, "Connection Closed Normally"
    return code, "Client-side close frame status not set" if code == 1005 else reason
