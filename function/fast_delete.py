"""One DeleteItem without boto3, for the one call that the `$disconnect` route makes.

API Gateway does not wait for a free function: events that arrive while environments start are lost, and their records are left to the
sweep. Importing boto3 and building a client takes four fifths of such a start, and boto3 most of the time of each disconnect after it. So
this signs the request (Signature Version 4) and sends it with the standard library, over a TLS connection opened during INIT.
docs/speed.md compares its time and memory with boto3.resource.

It accepts one answer only, a complete and well-formed 200. For every other answer `delete` returns None, and `connect` refuses settings
that need boto3. The caller then uses boto3, which handles retries, errors, proxies, endpoints and refreshed credentials. A request that may
have been sent is repeated here in one case only: a kept-alive connection breaks before it answers anything. Connections are dropped without
a sign while an environment is frozen, and DeleteItem is idempotent.

There are two possible mistakes about a setting. Using boto3 without need costs speed, and an alarm says so. Overlooking a setting sends the
request, signed and over verified TLS, to the region's public endpoint although another one was intended. Nobody sets such a variable by
accident: the module sets none.
"""
# pathlib would be one more import of INIT:
# ruff: noqa: PTH110, PTH111, PTH118, PTH120

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import os
import select
import socket
import ssl
import threading
import time

TYPE_CHECKING = False  # typing would cost 3 ms of each cold start
if TYPE_CHECKING:
    from typing import Any

BUDGET_S = 1.0  # for one delete, including reconnecting: the rest of the function's timeout is for boto3 and the retry queue
MISSES = 3  # after so many in a row for which boto3 was needed, this rests
REST_S = 300

# Variables that make boto3 send the request elsewhere or in another way. Any other variable, set by Lambda or an extension, changes
# nothing. tests/unit checks each of botocore's variables, so that one added by a new version is not overlooked.
LEFT_TO_BOTO3 = {
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CONFIG_FILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DATA_PATH",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_DISCOVERY_ENABLED",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "BOTOCORE_EXPERIMENTAL__PLUGINS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "REQUESTS_CA_BUNDLE",
}
CONFIG_FOLDER = "~/.aws"
STANDARD_PARTITION = {"af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"}  # its regions have three parts: us-gov-west-1 is not one
AMAZON_ROOTS = os.path.join(os.path.dirname(__file__), "amazon_roots.pem")  # https://www.amazontrust.com/repository/

CONTENT_TYPE = "application/x-amz-json-1.0"
TARGET = "DynamoDB_20120810.DeleteItem"


def connect(table: str) -> FastDelete | None:
    """Opens the connection. If the server does not answer now, each delete tries again.

    Returns None in a region outside AWS's standard partition, where boto3 is used. Raises KeyError, OSError or ValueError, which say why,
    if a setting needs boto3.
    """
    region = os.environ["AWS_DEFAULT_REGION"]
    area, *rest = region.split("-")
    if area not in STANDARD_PARTITION or len(rest) != 2 or not rest[0].isalpha() or not rest[1].isdecimal():
        return None
    fast = _from_environment(table, region)
    try:
        fast.open(time.monotonic() + BUDGET_S)
    except Exception:  # the first delete tries again
        fast.close()
    return fast


def _from_environment(table: str, region: str) -> FastDelete:
    env = os.environ
    special = sorted(LEFT_TO_BOTO3.intersection(map(str.upper, env)))
    if special or os.path.exists(os.path.expanduser(CONFIG_FOLDER)):
        raise ValueError(f"only boto3 supports {', '.join(special) or CONFIG_FOLDER}")
    key, secret = env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    token = env.get("AWS_SECURITY_TOKEN") or env.get("AWS_SESSION_TOKEN") or ""
    keys = key + secret + token
    if not (key and secret and keys.isascii() and keys.isprintable()) or " " in keys:
        raise ValueError("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is not valid in a header")
    if not _word(table):  # not a table's ARN, which has an endpoint of its own
        raise ValueError(f"only boto3 supports the table name {table}")
    endpoint = env.get("AWS_ENDPOINT_URL_DYNAMODB") or env.get("AWS_ENDPOINT_URL")
    scheme, _, address = (endpoint or f"https://dynamodb.{region}.amazonaws.com").partition("://")
    host, _, port = address.removesuffix("/").partition(":")
    if scheme not in ("http", "https") or not _word(host) or not (port or "0").isdecimal() or host.endswith(".api.aws"):
        raise ValueError("only boto3 supports the endpoint in AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_DYNAMODB")
    bundle = env.get("AWS_CA_BUNDLE")
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the chain and the host name
        if bundle is None and endpoint:
            tls.load_default_certs()
        else:
            tls.load_verify_locations(AMAZON_ROOTS if bundle is None else bundle)
    return FastDelete(table, region, (key, secret, token), (host, int(port or (443 if tls else 80))), tls)


def _word(text: str) -> bool:
    """Letters, digits, dots, dashes and underscores: nothing that would need an escape in JSON or in a header."""
    return text.isascii() and text.replace("-", "x").replace(".", "x").replace("_", "x").isalnum()


class FastDelete:
    """DeleteItem on one table over one kept-alive connection. Not for threads: Lambda gives an environment one event at a time."""

    def __init__(
        self, table: str, region: str, credentials: tuple[str, str, str], address: tuple[str, int], tls: ssl.SSLContext | None
    ) -> None:
        key, self._secret, token = credentials
        self._region, self._address, self._tls = region, address, tls
        host = address[0] if address[1] == (443 if tls else 80) else f"{address[0]}:{address[1]}"
        # The constant parts of a request: the body, and the headers as signed and as sent.
        self._body = f'{{"TableName":"{table}","ReturnValues":"ALL_OLD","Key":{{"connectionId":{{"S":'
        self._signed = "content-type;host;x-amz-date;" + ("x-amz-security-token;" if token else "") + "x-amz-target"
        signed_token = f"\nx-amz-security-token:{token}" if token else ""
        self._to_date = f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:"
        self._from_date = f"{signed_token}\nx-amz-target:{TARGET}\n\n{self._signed}\n"
        sent_token = f"X-Amz-Security-Token: {token}\r\n" if token else ""
        self._head = (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {CONTENT_TYPE}\r\nX-Amz-Target: {TARGET}\r\n{sent_token}"
            f"Authorization: AWS4-HMAC-SHA256 Credential={key}/"
        )
        self._key_day, self._key = "", b""  # the signing key is valid for a day
        self._socket: socket.socket | None = None
        self._session: ssl.SSLSession | None = None  # of the last connection: shortens the next handshake
        self._poll = select.poll()
        self._problem: Exception | None = None  # of the last delete
        self._misses, self._rests_until = 0, 0.0

    def delete(self, connection_id: str) -> dict[str, Any] | None:
        """The removed record in DynamoDB's JSON, {} if there was none, None if that is unknown and boto3 is needed. Never raises."""
        now, self._problem = time.monotonic(), None
        if now < self._rests_until:
            return None
        deadline = now + BUDGET_S
        try:
            old = self._answer(self.request(connection_id, time.gmtime()), deadline)
            if old and old.get("connectionId") != {"S": connection_id}:
                raise ValueError("the answer is about another record: a repeat of an earlier one")
        except Exception as problem:  # boto3 handles it
            self.close()
            self._problem = problem
            return None
        self._misses = 0
        return old

    def missed(self) -> Exception | None:
        """Called after boto3 did what this could not. If that was once too often, this rests for REST_S, and the reason is returned."""
        if self._problem is None:
            return None  # it rests
        self._misses += 1
        if self._misses < MISSES:
            return None
        self._rests_until = time.monotonic() + REST_S
        return self._problem

    def request(self, connection_id: str, now: time.struct_time) -> bytes:
        """The signed request; `now` in UTC. Source: IAM user guide, "Create a signed AWS API request"."""
        body = f"{self._body}{json.dumps(connection_id)}}}}}}}"
        date = time.strftime("%Y%m%dT%H%M%SZ", now)
        scope = f"{date[:8]}/{self._region}/dynamodb/aws4_request"
        if self._key_day != date[:8]:
            self._key = f"AWS4{self._secret}".encode()
            for part in scope.split("/"):
                self._key = hmac.digest(self._key, part.encode(), "sha256")
            self._key_day = date[:8]
        canonical = f"{self._to_date}{date}{self._from_date}{_sha256(body)}"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{_sha256(canonical)}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return (
            f"{self._head}{scope}, SignedHeaders={self._signed}, Signature={signature}\r\n"
            f"X-Amz-Date: {date}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _alive(self) -> socket.socket | None:
        """The idle connection unless the server has closed it. Readable data means its end or, after a handshake, session tickets."""
        if self._socket is None or not self._poll.poll(0):
            return self._socket
        try:
            self._socket.recv(1)
        except ssl.SSLWantReadError:
            return self._socket
        except OSError:
            pass
        self.close()
        return None

    def open(self, deadline: float) -> socket.socket:
        """A connection to the first address of the host that answers. Each gets an equal share of the remaining time."""
        addresses = _resolve(*self._address, deadline)
        while True:
            family, kind, protocol, _, address = addresses.pop(0)
            connection = self._socket = socket.socket(family, kind, protocol)
            try:
                connection.settimeout((deadline - time.monotonic()) / (len(addresses) + 1))
                connection.connect(address)
                break
            except OSError:
                self.close()
                if not addresses:
                    raise
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection.settimeout(deadline - time.monotonic())
            name = self._address[0].encode()  # as bytes: for a str Python loads IDNA tables of a megabyte
            connection = self._socket = self._tls.wrap_socket(connection, server_hostname=name, session=self._session)
        connection.setblocking(False)  # from here on `_poll` waits, which saves two system calls per message
        self._poll.register(connection, select.POLLIN)
        return connection

    def close(self) -> None:
        if self._socket is not None:
            self._session = self._socket.session if isinstance(self._socket, ssl.SSLSocket) else None
            self._socket.close()
            self._socket, self._poll = None, select.poll()

    def _send(self, request: bytes, deadline: float) -> tuple[socket.socket, bytes]:
        """Sends the request. Returns the connection and the first bytes of the answer."""
        kept = self._alive()
        if kept is not None:
            try:
                kept.sendall(request)  # it fits into the buffer, or this raises
                return kept, self._receive(kept, deadline)
            except (ConnectionError, ssl.SSLEOFError):
                self.close()
        fresh = self.open(deadline)
        fresh.sendall(request)
        return fresh, self._receive(fresh, deadline)

    def _answer(self, request: bytes, deadline: float) -> dict[str, Any]:
        """The old record. Raises unless the answer is one complete 200 with its length."""
        connection, received = self._send(request, deadline)
        while b"\r\n\r\n" not in received:
            received += self._receive(connection, deadline)
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers[b"content-length"])
        while len(body) < length:
            body += self._receive(connection, deadline)
        if (
            not status.startswith(b"HTTP/1.1 200 ")
            or len(headers) != len(lines)
            or b"transfer-encoding" in headers
            or len(body) != length
            or headers.get(b"x-amz-crc32") != b"%d" % binascii.crc32(body)
        ):
            raise ValueError(f"unexpected answer: {status.decode(errors='replace')}")
        old = json.loads(body).get("Attributes", {})
        if not isinstance(old, dict):
            raise ValueError("the answer is not DeleteItem's")
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return old

    def _receive(self, connection: socket.socket, deadline: float) -> bytes:
        while self._poll.poll(max(0, deadline - time.monotonic()) * 1000):
            try:
                received = connection.recv(16_384)
            except ssl.SSLWantReadError:
                continue  # a part of a record, or a session ticket
            if not received:
                raise ConnectionError("connection closed before the answer was complete")
            return received
        raise TimeoutError("no complete answer in time")


def _resolve(host: str, port: int, deadline: float) -> list[Any]:
    """getaddrinfo, which has no timeout, in a thread that is abandoned if it takes too long. Raises OSError."""
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM))
        except Exception as problem:
            answer.append(problem)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(deadline - time.monotonic())
    if not answer:
        raise TimeoutError(f"DNS did not resolve {host} in time")
    if isinstance(answer[0], Exception):
        raise answer[0]
    return list(answer[0])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
