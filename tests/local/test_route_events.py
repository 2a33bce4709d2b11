"""The $disconnect event that a function gets is the one AWS sends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from .conftest import Api

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "events").glob("*.json"))
HOLD = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], proxy=None) as socket:
    print("connected", flush=True)
    socket.recv()
"""


def shape(value: Any) -> Any:
    return {name: shape(v) for name, v in value.items()} if isinstance(value, dict) else type(value).__name__


def disconnect(api: Api, **options: Any) -> dict[str, Any]:
    """Connect and close; the $disconnect event."""
    with api.connect(**options):
        api.next_event()
    return api.next_event() or {}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_event_has_the_fields_and_types_of_a_real_one(observed: Api, sample: Path) -> None:
    real = json.loads(sample.read_text())
    real["requestContext"].pop("authorizer", None)  # only where $connect has one
    options: dict[str, Any] = {} if "userAgent" in real["requestContext"]["identity"] else {"user_agent_header": None}
    assert shape(disconnect(observed, **options)) == shape(real)


def test_ids_need_quoting_in_a_url_as_real_ones_do(observed: Api) -> None:
    context = disconnect(observed)["requestContext"]
    assert len(context["connectionId"]) == 16
    assert context["connectionId"].endswith("=")
    assert context["requestId"] == context["extendedRequestId"] != context["connectionId"]


def test_connected_at_is_the_time_of_connecting(observed: Api) -> None:
    with observed.connect():
        connected = (observed.next_event() or {})["requestContext"]
        observed.next_event(wait=1)
    ended = (observed.next_event() or {})["requestContext"]
    assert ended["connectionId"] == connected["connectionId"]
    assert ended["connectedAt"] == connected["connectedAt"] <= ended["requestTimeEpoch"] - 1000


def close_with(code: int, reason: str) -> Any:
    return lambda api, socket, _id: socket.close(code, reason)


def close_without_code(api: Api, socket: ClientConnection, connection_id: str) -> None:
    socket.protocol.send_close()
    socket.socket.sendall(b"".join(socket.protocol.data_to_send()))


def close_by_server(api: Api, socket: ClientConnection, connection_id: str) -> None:
    api.aws.connections(api.id, "dev").delete_connection(ConnectionId=connection_id)


def cut_the_line(api: Api, socket: ClientConnection, connection_id: str) -> None:
    socket.socket.shutdown(2)


def send_too_much(api: Api, socket: ClientConnection, connection_id: str) -> None:
    socket.send("x" * (128 * 1024 + 1))


@pytest.mark.parametrize(
    ("end", "code", "reason"),
    [
        (close_with(1000, ""), 1000, ""),
        (close_with(1001, ""), 1001, ""),
        (close_with(4001, "session expired"), 4001, "session expired"),
        (close_without_code, 1005, "Client-side close frame status not set"),
        (close_by_server, 1000, "Connection Closed Normally"),
        (cut_the_line, 1006, ""),
        (send_too_much, 1009, None),
    ],
    ids=["1000", "1001", "4001", "no code", "by the server", "cut", "too big"],
)
def test_each_way_to_end_has_its_code_and_reason(observed: Api, end: Any, code: int, reason: str | None) -> None:
    with observed.connect() as socket:
        end(observed, socket, (observed.next_event() or {})["requestContext"]["connectionId"])
        context = (observed.next_event() or {})["requestContext"]
    assert context["disconnectStatusCode"] == code
    assert reason in (None, context["disconnectReason"])


def test_a_killed_client_is_an_abnormal_close(observed: Api) -> None:
    url = observed.aws.websocket_url(observed.id, "dev")
    with subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        client.kill()
    observed.next_event()
    assert (observed.next_event() or {})["requestContext"]["disconnectStatusCode"] == 1006


def test_a_message_reaches_its_route_with_its_body(observed: Api) -> None:
    observed.route("ping", observed.functions[0])
    with observed.connect() as socket:
        observed.next_event()
        socket.send(json.dumps({"action": "ping", "at": time.time()}))
        event = observed.next_event() or {}
    assert (event["requestContext"]["eventType"], json.loads(event["body"])["action"]) == ("MESSAGE", "ping")
