"""A proxy that fails on purpose, between a client of AWS and whatever answers in AWS's place.

    with FaultProxy("http://127.0.0.1:5000") as proxy:                  # MiniStack, or a function that answers
        table = boto3.client("dynamodb", endpoint_url=proxy.url)
        proxy.fail("dynamodb", "ThrottlingException", times=2)          # the next two calls, whatever they are
        proxy.fail("dynamodb", "hang", operation="DeleteItem")          # every DeleteItem until `withdraw()` or `clear()`
        with proxy.fail("sqs", "cut", probability=0.3):                 # three in ten, while the block runs
            ...
        proxy.requests                                                  # everything that came by, in order

Services are named as in the signature ("dynamodb", "sqs", "execute-api" for @connections, "lambda"), operations as in the API.
A fault is the name of an error in ERRORS, or one of BEHAVIOURS or NOT_WHOLE. Everything else passes untouched, `Host` included, so that
signatures stay valid. Nor does it answer web pages (local.door).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from .door import refusal

BEHAVIOURS = {
    "hang": "no answer, the connection stays open until the fault is withdrawn or the client gives up",
    "cut": "the connection is reset; the service never sees the request",
    "lose answer": "the service does what it was asked, then the connection is reset",
    "repeat": "the service gets the request twice; the second answer is passed on",
}

# Answers that look like a success and tell nothing; the service never sees the request, and the connection is closed.
NOT_WHOLE = {
    "end in head": b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Le",
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "wrong checksum": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amz-crc32: 1\r\n\r\n{}",
}

# The errors of the operations used here, and the "Common Errors", in each API's reference.
_ERRORS = {
    "dynamodb": """
        AccessDeniedException ConditionalCheckFailedException ExpiredTokenException IncompleteSignatureException InternalServerError
        ItemCollectionSizeLimitExceededException MissingAuthenticationTokenException ProvisionedThroughputExceededException
        ReplicatedWriteConflictException RequestLimitExceeded ResourceNotFoundException ServiceUnavailable ThrottlingException
        TransactionConflictException UnrecognizedClientException ValidationException
    """,
    "sqs": """
        AccessDeniedException ExpiredTokenException InternalFailure InvalidAddress InvalidMessageContents InvalidSecurity KmsAccessDenied
        KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired KmsThrottled MessageNotInflight OverLimit
        QueueDoesNotExist ReceiptHandleIsInvalid RequestThrottled ServiceUnavailable ThrottlingException UnsupportedOperation
    """,
    "execute-api": """
        BadRequestException ForbiddenException GoneException InternalServerErrorException LimitExceededException PayloadTooLargeException
        ServiceUnavailableException
    """,
    "events": "AccessDeniedException ExpiredTokenException InternalException ServiceUnavailable ThrottlingException ValidationException",
    "lambda": "TooManyRequestsException",
}
_STATUS = {  # of those that are not 400
    **dict.fromkeys(["ForbiddenException", "InvalidSecurity", "KmsOptInRequired", "OverLimit", "RequestThrottled"], 403),
    "InvalidAddress": 404,
    "GoneException": 410,
    "PayloadTooLargeException": 413,
    **dict.fromkeys(["LimitExceededException", "TooManyRequestsException"], 429),
    **dict.fromkeys(["InternalException", "InternalFailure", "InternalServerError", "InternalServerErrorException"], 500),
    **dict.fromkeys(["ServiceUnavailable", "ServiceUnavailableException"], 503),
}
ERRORS = {service: {error: _STATUS.get(error, 400) for error in errors.split()} for service, errors in _ERRORS.items()}
JSON_TYPES = {"dynamodb": "com.amazonaws.dynamodb.v20120810#", "sqs": "com.amazonaws.sqs#", "events": "com.amazonaws.events#"}
CONNECTION_OPERATIONS = {"GET": "GetConnection", "POST": "PostToConnection", "DELETE": "DeleteConnection"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}

Answer = tuple[int, list[tuple[str, str]], bytes]
Target = Callable[[str, str, dict[str, str], bytes], Answer]


@dataclass
class Request:
    """One call to AWS, as it came by. `status` is what the client was answered: None while it waits, 0 when the line was cut."""

    service: str
    operation: str
    path: str
    body: bytes
    agent: str  # the client's User-Agent: boto3 sends one, the route's own request to DynamoDB none
    at: float = field(default_factory=time.time)
    fault: str | None = None
    status: int | None = None
    answer: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Fault:
    """A standing order to fail. Use it as a context manager, or call `withdraw`."""

    service: str
    what: str
    operation: str | None = None
    times: int | None = None
    probability: float = 1
    where: Callable[[Request], bool] = lambda request: True
    hits: int = 0
    withdrawn: threading.Event = field(default_factory=threading.Event)

    def concerns(self, service: str, operation: str) -> bool:
        """Whether some request for this operation might meet it."""
        return not self.withdrawn.is_set() and service == self.service and self.operation in (None, operation)

    def meets(self, request: Request, dice: random.Random) -> bool:
        return (
            self.concerns(request.service, request.operation)
            and (self.times is None or self.hits < self.times)
            and self.where(request)
            and (self.probability >= 1 or dice.random() < self.probability)
        )

    def withdraw(self) -> None:
        self.withdrawn.set()

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.withdraw()


class FaultProxy(ThreadingHTTPServer):
    """Listens on a free port of loopback, in threads of this process, as long as the `with` block runs.

    `target` is a URL, or what answers a method, a path, headers and a body with a status, headers and a body.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, target: str | Target = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[Request] = []
        self.connections: set[socket.socket] = set()
        self._faults: list[Fault] = []
        self._dice = random.Random(0)
        self._lock = threading.Lock()

    def fail(self, service: str, what: str, **which: Any) -> Fault:
        """Make matching requests fail. `which` are fields of Fault. Of several faults that match, the oldest is met."""
        if what not in BEHAVIOURS | NOT_WHOLE and what not in ERRORS.get(service, {}):
            raise ValueError(f"{what!r} is neither an error of {service} in ERRORS nor one of {', '.join(BEHAVIOURS | NOT_WHOLE)}")
        fault = Fault(service, what, **which)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Withdraw every fault; requests that hang are cut."""
        with self._lock:
            for fault in self._faults:
                fault.withdraw()
            self._faults.clear()

    def meet(self, request: Request) -> Fault | None:
        """Note the request and the fault it meets."""
        with self._lock:
            self.requests.append(request)
            fault = next((f for f in self._faults if f.meets(request, self._dice)), None)
            if fault:
                fault.hits += 1
                request.fault = fault.what
            return fault

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="fault proxy", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)  # without the polite FIN, so that a cut connection is seen as reset

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is nothing to report


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with its own connection to the target."""

    server: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        self.upstream: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        if self.upstream:
            self.upstream.close()
        super().finish()

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(*self._identify(), self.path, body, self.headers.get("User-Agent", ""))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if why := refusal(headers, [self.server.url.removeprefix("http://")]):
            return self._answer(request, 403, [("Content-Type", "text/plain")], f"{why}\n".encode())
        fault = self.server.meet(request)
        what = fault.what if fault else ""
        if fault and what == "hang":
            self._hang(fault)
        if what in ("hang", "cut"):
            return self._cut(request)
        if what in NOT_WHOLE:
            request.status, self.close_connection = int(NOT_WHOLE[what].split()[1]), True
            self.wfile.write(NOT_WHOLE[what])
            return None
        if what in ERRORS.get(request.service, {}):
            return self._answer(request, *_error(request.service, what))
        if what == "repeat":
            self._forward(body)
        answer = self._forward(body)
        return self._cut(request) if what == "lose answer" else self._answer(request, *answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = relay

    def _identify(self) -> tuple[str, str]:
        """The service, from the signature's scope, and the operation, from the target header or the path."""
        scope = re.search(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request", self.headers.get("Authorization", ""))
        service = scope.group(1) if scope else ""
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if service == "execute-api" and "/@connections/" in self.path.replace("%40", "@"):
            target = CONNECTION_OPERATIONS[self.command]
        elif service == "lambda" and self.path.endswith("/invocations"):
            target = "Invoke"
        return service, target

    def _forward(self, body: bytes) -> Answer:
        target = self.server.target
        if not isinstance(target, str):
            return target(self.command, self.path, dict(self.headers), body)
        if self.upstream is None:
            address = urlsplit(target)
            self.upstream = http.client.HTTPConnection(address.hostname or "", address.port)
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            self.upstream.putheader(name, value)
        self.upstream.endheaders(body)
        response = self.upstream.getresponse()
        return response.status, [h for h in response.getheaders() if h[0].lower() not in HOP_BY_HOP], response.read()

    def _answer(self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        request.status, request.answer = status, body
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self, request: Request) -> None:
        request.status = 0
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _hang(self, fault: Fault) -> None:
        while not fault.withdrawn.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return  # the client gave up

    def log_message(self, format: str, *args: object) -> None:
        pass


def _error(service: str, name: str) -> Answer:
    """An error as the service's protocol words it."""
    status = ERRORS[service][name]
    message = f"{name}, made by the fault proxy"
    if service in JSON_TYPES:
        head = [("Content-Type", "application/x-amz-json-1.0")]
        return status, head, json.dumps({"__type": JSON_TYPES[service] + name, "message": message}).encode()
    return status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", name)], json.dumps({"message": message}).encode()
