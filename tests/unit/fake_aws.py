"""moto behind one loopback server that remembers what it was asked, and answers otherwise when a test says so.

boto3 is answered without a socket. The fast path, which has no such hook, opens a connection.
"""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import unquote

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from moto.core.botocore_stubber import MockRawResponse
from moto.core.request import Request as MotoRequest
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.moto_api._internal.models import moto_api_backend
from moto.sqs.responses import SQSResponse

from local.fault_proxy import HOP_BY_HOP, FaultProxy

Handler = Callable[["Request"], "Answer | None"]

SOCKETS = "/socketapi/live"  # where @connections is served
OF_A_TEST = "asked-by-a-test"  # in the User-Agent
MOTO = {"DynamoDB_20120810": DynamoHandler, "AmazonSQS": SQSResponse, "AWSEvents": EventsHandler}


@dataclass
class Request:
    """What the server was asked: `DeleteItem`, or `GET @connections` with the id as its parameter."""

    operation: str
    parameters: dict[str, Any]
    agent: str  # empty when it was not boto3 that asked


@dataclass
class Answer:
    status: int
    body: dict[str, Any]


def error(status: int, code: str) -> Handler:
    return lambda request: Answer(status, {"__type": code, "message": f"{code} from the test"})


class FakeAws:
    """The server of a test run. What a handler changes in a request's parameters is what moto gets to see."""

    def __init__(self) -> None:
        self._lock, self._moto_lock = Lock(), Lock()  # moto's backends are not made for threads
        self._open = ExitStack()
        self.url = self._open.enter_context(FaultProxy(self.answer)).url
        self.reset()

    def reset(self) -> None:
        moto_api_backend.reset()
        self.requests: list[Request] = []
        self.handlers: dict[str, Handler] = {}
        self.gone: set[str] = set()  # connection ids that @connections answers with 410; all others are alive
        self.sockets = self._socket  # what @connections answers: f(method, path, connection id) -> HTTP status

    def close(self) -> None:
        self._open.close()

    def on(self, operation: str, handler: Handler) -> None:
        """`handler` sees every such request of the functions first; None lets moto answer."""
        self.handlers[operation] = handler

    def asked(self, *operations: str) -> list[dict[str, Any]]:
        """The parameters of the requests for these operations so far."""
        return [request.parameters for request in self.requests if request.operation in operations]

    @property
    def asked_about(self) -> list[str]:
        """The connections that API Gateway was asked about, in order."""
        return [parameters["connectionId"] for parameters in self.asked("GET @connections")]

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def _socket(self, method: str, path: str, connection_id: str) -> int:
        return 410 if connection_id in self.gone else 200

    def serve(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """Answers boto3 before it opens a connection, if the request is for this server."""
        return self.respond(request) if request.url.startswith(f"{self.url}/") else None

    def respond(self, request: AWSPreparedRequest) -> AWSResponse:
        headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
        path = f"/{request.url.split('/', 3)[3]}"
        status, its_headers, payload = self.answer(request.method, path, headers, request.body or b"")
        return AWSResponse(request.url, status, HeadersDict(its_headers), MockRawResponse(payload))

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What AWS answers to a request."""
        path, target = unquote(path), headers.get("X-Amz-Target", path)
        if "/@connections/" in path:
            operation, parameters = f"{method} @connections", {"connectionId": path.rpartition("/")[2]}
        else:
            operation, parameters = target.rpartition(".")[2], json.loads(body or b"{}")
        request = Request(operation, parameters, headers.get("User-Agent", ""))
        answer = None
        if OF_A_TEST not in request.agent:
            with self._lock:
                self.requests.append(request)
            handler = self.handlers.get(operation)
            answer = handler(request) if handler else None
        if answer is None and operation.endswith("@connections"):
            answer = Answer(self.sockets(method, path, parameters["connectionId"]), {})
        if answer is None:
            service = MOTO[target.partition(".")[0]]
            to_moto = MotoRequest.from_primitives(method, f"{self.url}{path}", headers, json.dumps(parameters).encode())
            with self._moto_lock:
                status, its_headers, content = service.dispatch(to_moto, to_moto.url, to_moto.headers)
            payload = content.encode() if isinstance(content, str) else content
            return status, [(name, str(value)) for name, value in its_headers.items() if name.lower() not in HOP_BY_HOP], payload
        payload = json.dumps(answer.body).encode() if answer.status != 204 else b""
        return answer.status, [("Content-Type", "application/x-amz-json-1.0"), ("x-amz-crc32", str(crc32(payload)))], payload
