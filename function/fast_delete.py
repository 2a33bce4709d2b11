"""One DeleteItem without boto3, for the one call that the `$disconnect` route makes.

API Gateway does not wait for a free function: what arrives while environments start is lost to the sweep. Importing boto3 and building a
client is four fifths of such a start, and most of each disconnect after it. So this signs the request (Signature Version 4) and sends it
with the standard library, over a TLS connection that INIT opened. Of the CPU time that the same takes with boto3.resource, a cold start is
left with 0.20, a warm disconnect with 0.29, the first one after the server closed an idle connection with 0.06; of the memory 0.42 is left
(bench/results/speed.md).

It knows one way of asking and one answer, a whole and well-formed 200. For every other answer `delete` returns None, and for every setting
that is not plain `connect` does: the caller then goes to boto3, which owns retries, errors, proxies, endpoints and refreshed credentials.
A request that may have left is never repeated from here.
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
import time

TYPE_CHECKING = False  # typing would cost 3 ms of each cold start
if TYPE_CHECKING:
    from typing import Any

BUDGET_S = 1.0  # for one delete, reconnecting included: leaves boto3 and the retry queue the rest of the function's time-out

# Whatever else boto3 would read (FIPS, dual-stack, profiles, account-based endpoints, container credentials, what its next version adds)
# changes where or how the request must go.
UNDERSTOOD = {
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",  # asked only where there are no keys in the environment
    "AWS_EXECUTION_ENV",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
}
UNDERSTOOD_PREFIXES = ("AWS_ENDPOINT_URL", "AWS_LAMBDA_", "AWS_XRAY_")
CONFIG_FILES = ("~/.aws/config", "~/.aws/credentials")
STANDARD_PARTITION = {"af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"}  # its regions have three parts: us-gov-west-1 is not one
AMAZON_ROOTS = os.path.join(os.path.dirname(__file__), "amazon_roots.pem")  # https://www.amazontrust.com/repository/

CONTENT_TYPE = "application/x-amz-json-1.0"
TARGET = "DynamoDB_20120810.DeleteItem"


def connect(table: str) -> FastDelete | None:
    """Opens the connection. None when the settings are not plain. A server that does not answer now is tried again by each delete."""
    try:
        fast = _from_environment(table)
    except (KeyError, OSError, ValueError):  # such as a CA bundle that is not there: boto3 has the better words for it
        return None
    try:
        fast.open(time.monotonic() + BUDGET_S)
    except Exception:  # the first delete tries again
        fast.close()
    return fast


def _from_environment(table: str) -> FastDelete:
    env = os.environ
    region, key, secret = env["AWS_DEFAULT_REGION"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    token = env.get("AWS_SECURITY_TOKEN") or env.get("AWS_SESSION_TOKEN") or ""
    endpoint = env.get("AWS_ENDPOINT_URL_DYNAMODB") or env.get("AWS_ENDPOINT_URL")
    bundle = env.get("AWS_CA_BUNDLE")
    scheme, _, address = (endpoint or f"https://dynamodb.{region}.amazonaws.com").partition("://")
    host, _, port = address.removesuffix("/").partition(":")
    area, direction, number = region.split("-")
    plain = (
        all(map(_understood, env))
        and not any(os.path.exists(os.path.expanduser(path)) for path in CONFIG_FILES)
        and all(map(_word, (table, region, host)))  # a table's ARN is none: it has an endpoint of its own
        and (area in STANDARD_PARTITION and direction.isalpha() and number.isdecimal())
        and (scheme in ("http", "https") and (port or "0").isdecimal() and not host.endswith(".api.aws"))
        and (key and secret and f"{key}{secret}{token}".isascii() and f"{key}{secret}{token}".isprintable())
    )
    if not plain or " " in key + secret + token:
        raise ValueError("not plain")
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the chain and the host name
        if bundle is None and endpoint:
            tls.load_default_certs()
        else:
            tls.load_verify_locations(AMAZON_ROOTS if bundle is None else bundle)
    return FastDelete(table, region, (key, secret, token), (host, int(port or (443 if tls else 80))), tls)


def _understood(name: str) -> bool:
    if name.startswith(("AWS_", "BOTO")):
        return name in UNDERSTOOD or name.startswith(UNDERSTOOD_PREFIXES)
    return name != "REQUESTS_CA_BUNDLE" and not name.lower().endswith("_proxy")


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
        # What is the same in every request: the body, the headers as they are signed and as they are sent, each up to what changes.
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
        self._key_day, self._key = "", b""  # the signing key holds for a day
        self._socket: socket.socket | None = None
        self._session: ssl.SSLSession | None = None  # of the last connection: makes the next handshake a short one
        self._poll = select.poll()

    def delete(self, connection_id: str) -> dict[str, Any] | None:
        """The record that was there, in DynamoDB's JSON, {} if there was none; None when that is not known: ask boto3. Never raises."""
        deadline = time.monotonic() + BUDGET_S
        try:
            connection = self._alive() or self.open(deadline)
            connection.settimeout(deadline - time.monotonic())
            connection.sendall(self.request(connection_id, time.gmtime()))
            return self._answer(connection, deadline)
        except Exception:  # whatever it is, boto3 meets it too if it lasts, and knows what to do
            self.close()
            return None

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
        """The idle connection unless the server has closed it. What there is to read is its end or, after a handshake, session tickets."""
        if self._socket is None or not self._poll.poll(0):
            return self._socket
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except ssl.SSLWantReadError:
            return self._socket
        except OSError:
            pass
        self.close()
        return None

    def open(self, deadline: float) -> socket.socket:
        host = self._address[0].encode()  # as bytes: of a str both calls would make IDNA, whose tables are a megabyte
        connection = self._socket = socket.create_connection((host, self._address[1]), deadline - time.monotonic())  # type: ignore[arg-type]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection.settimeout(deadline - time.monotonic())
            connection = self._socket = self._tls.wrap_socket(connection, server_hostname=host, session=self._session)
        self._poll.register(connection, select.POLLIN)
        return connection

    def close(self) -> None:
        if self._socket is not None:
            self._session = self._socket.session if isinstance(self._socket, ssl.SSLSocket) else None
            self._socket.close()
            self._socket, self._poll = None, select.poll()

    def _answer(self, connection: socket.socket, deadline: float) -> dict[str, Any]:
        """The old record. Raises when the answer is anything but one whole 200 that tells its length."""
        received = _receive(connection, deadline)
        while b"\r\n\r\n" not in received:
            received += _receive(connection, deadline)
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers[b"content-length"])
        while len(body) < length:
            body += _receive(connection, deadline)
        if (
            not status.startswith(b"HTTP/1.1 200 ")
            or len(headers) != len(lines)
            or b"transfer-encoding" in headers
            or len(body) != length
            or int(headers.get(b"x-amz-crc32", binascii.crc32(body))) != binascii.crc32(body)
        ):
            raise ValueError("not the plain answer")
        old = json.loads(body).get("Attributes", {})
        if not isinstance(old, dict):
            raise ValueError("not DeleteItem's answer")
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return old


def _receive(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(deadline - time.monotonic())
    received = connection.recv(16_384)
    if not received:
        raise ConnectionError("closed before the whole answer was there")
    return received


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
