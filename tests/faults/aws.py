"""The AWS behind the fault proxy: moto's DynamoDB and SQS, an event bus, and an `@connections` that asks the simulated gateway."""

from __future__ import annotations

import json
import uuid
from binascii import crc32
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

API_ID, STAGE = "a1b2c3d4e5", "live"


class Aws:
    """`connections` answers `@connections`: f(method, path, connection id) -> HTTP status; `bus` is given each entry that was put on it."""

    url: str

    def __init__(self) -> None:
        self.connections: Callable[[str, str, str], int] = lambda method, path, connection_id: 410
        self.bus: Callable[[dict[str, str]], None] = lambda entry: None
        self.hands_back = False  # BatchWriteItem returns everything as UnprocessedItems
        self.refuses_entries = False  # PutEvents succeeds, and takes no entry
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = Lock()  # moto's backends are not made for threads

    @contextmanager
    def running(self) -> Iterator[Aws]:
        server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Handler)
        server.daemon_threads = True  # type: ignore[attr-defined]  # kept-alive connections must not hold up the end
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if "/@connections/" in path:
            status = self.connections(environ["REQUEST_METHOD"], path, path.rpartition("/")[2])
            error = [("x-amzn-ErrorType", "GoneException" if status == 410 else "ForbiddenException")] if status >= 400 else []
            return _answer(start_response, status, {}, error)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if operation == "PutEvents":
            return _answer(start_response, 200, self._put_events(_body(environ)["Entries"]))
        if self.hands_back and operation == "BatchWriteItem":
            return _answer(start_response, 200, {"UnprocessedItems": _body(environ)["RequestItems"]})
        with self._lock:
            return list(self._moto(environ, start_response))

    def _put_events(self, entries: list[dict[str, str]]) -> dict[str, Any]:
        if self.refuses_entries:
            refusal = {"ErrorCode": "InternalFailure", "ErrorMessage": "made by the test"}
            return {"FailedEntryCount": len(entries), "Entries": [refusal] * len(entries)}
        for entry in entries:
            self.bus(entry)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in entries]}


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))


def _answer(start: Callable[..., object], status: int, body: dict[str, Any], headers: list[tuple[str, str]] | None = None) -> list[bytes]:
    payload = json.dumps(body).encode() if status != 204 else b""
    always = {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(payload)), "x-amz-crc32": str(crc32(payload))}
    start(f"{status} -", [*always.items(), *(headers or [])])
    return [payload]


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # kept-alive connections, as AWS has them
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        pass
