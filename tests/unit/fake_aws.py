"""moto behind one loopback server that remembers what it was asked, and answers otherwise when a test says so."""

from __future__ import annotations

import io
import json
import logging
from binascii import crc32
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Handler = Callable[["Request"], "Answer | None"]

SOCKETS = "/socketapi/live"  # where @connections is served
OF_A_TEST = "asked-by-a-test"  # in the User-Agent


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
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Plain)
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # kept-alive connections must not hold up the end
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self._lock, self._moto_lock = Lock(), Lock()  # moto's backends are not made for threads
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.reset()

    def reset(self) -> None:
        moto_api_backend.reset()
        self.requests: list[Request] = []
        self.handlers: dict[str, Handler] = {}
        self.gone: set[str] = set()  # connection ids that @connections answers with 410; all others are alive
        self.sockets = self._socket  # what @connections answers: f(method, path, connection id) -> HTTP status

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, operation: str, handler: Handler) -> None:
        """`handler` sees every such request of the functions first; None lets moto answer."""
        self.handlers[operation] = handler

    def asked(self, *operations: str) -> list[dict[str, Any]]:
        """The parameters of the requests for these operations so far."""
        return [request.parameters for request in self.requests if request.operation in operations]

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def _socket(self, method: str, path: str, connection_id: str) -> int:
        return 410 if connection_id in self.gone else 200

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        if "/@connections/" in path:
            operation, parameters = f"{environ['REQUEST_METHOD']} @connections", {"connectionId": path.rpartition("/")[2]}
        else:
            operation, parameters = environ.get("HTTP_X_AMZ_TARGET", path).rpartition(".")[2], json.loads(body or b"{}")
        request = Request(operation, parameters, environ.get("HTTP_USER_AGENT", ""))
        answer = None
        if OF_A_TEST not in request.agent:
            with self._lock:
                self.requests.append(request)
            handler = self.handlers.get(operation)
            answer = handler(request) if handler else None
        if answer is None and operation.endswith("@connections"):
            answer = Answer(self.sockets(environ["REQUEST_METHOD"], path, parameters["connectionId"]), {})
        if answer is None:
            body = json.dumps(parameters).encode()
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            with self._moto_lock:
                return list(self._moto(environ, start_response))
        payload = json.dumps(answer.body).encode() if answer.status != 204 else b""
        headers = {"Content-Type": "application/x-amz-json-1.0", "Content-Length": len(payload), "x-amz-crc32": crc32(payload)}
        start_response(f"{answer.status} -", [(name, str(value)) for name, value in headers.items()])
        return [payload]


class _Plain(WSGIRequestHandler):
    """Answers like AWS's servers: HTTP/1.1, and no header twice (moto has a `Server` of its own)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)
