"""The fast path asks exactly what boto3 would, believes only a plain 200, and leaves all else to boto3."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import itertools
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.session
import fast_delete
import pytest
import trustme
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.loaders import create_loader
from fast_delete import FastDelete
from hypothesis import given
from hypothesis import strategies as st
from moto.core.botocore_stubber import MockRawResponse

from bench.dynamodb import CLOSE, GOODBYE, RESET, answer
from local.fault_proxy import NOT_WHOLE
from tests.unit.fast_delete_server import HANG, TRICKLE, Server
from tests.unit.support import bare_environment

FUNCTION = Path(fast_delete.__file__).parent
OLD = {"connectionId": {"S": "c1"}, "connectedAt": {"N": "1795234579479"}}
EMPTY = answer(b"{}")
MODELS = create_loader()
AWS, VPCE = "dynamodb.eu-west-1.amazonaws.com", "vpce-0.dynamodb.eu-west-1.vpce.amazonaws.com"
LAMBDA = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_NAME": "disconnect",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "secret/+",
    "AWS_SESSION_TOKEN": "token/+==",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793",
}
Connect = Callable[..., FastDelete]  # with the answers that the server is to give
Asked = list[tuple[str, int]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    with Server(authority.issue_cert("127.0.0.1")) as running:
        yield running


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The environment as Lambda gives it, and no home folder's settings."""
    bare_environment(monkeypatch, **LAMBDA, HOME=str(tmp_path))
    return monkeypatch


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Addresses that were asked for, none of which answers."""
    asked = []

    def refuse(host: bytes, port: int, type: int) -> None:
        asked.append((host.decode(), port))
        raise socket.gaierror("there is no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return asked


@pytest.fixture
def connect(plain: pytest.MonkeyPatch, server: Server, bundle: str) -> Connect:
    plain.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
    plain.setenv("AWS_CA_BUNDLE", bundle)

    def connected(*answers: Any) -> FastDelete:
        server.answers.extend(answers)
        return connect_here()

    return connected


def connect_here() -> FastDelete:
    fast = fast_delete.connect("connections")
    assert fast is not None
    return fast


def deleted(server: Server) -> list[str]:
    """The connection ids whose records the server was asked to delete."""
    return [json.loads(request.body)["Key"]["connectionId"]["S"] for request in server.requests]


# What is asked


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(
    connection_id=st.text(min_size=1, max_size=128),
    table=st.text(LETTERS + "-_.", min_size=3, max_size=255),
    region=st.sampled_from(["us-east-1", "eu-west-1", "ap-northeast-2", "ap-southeast-7", "mx-central-1", "il-central-1"]),
    keys=st.tuples(st.text(LETTERS, min_size=1), st.text(LETTERS + "/+=", min_size=1), st.text(LETTERS + "/+=%", max_size=1500)),
    host=st.sampled_from([AWS, VPCE, "127.0.0.1", "localhost"]),
    port=st.sampled_from([80, 443, 8000]),
    tls=st.sampled_from([None, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)]),
    now=st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2099, 12, 31)),
)
def test_every_request_is_signed_as_botocore_signs_it(
    connection_id: str, table: str, region: str, keys: tuple[str, str, str], host: str, port: int, tls: Any, now: datetime.datetime
) -> None:
    fast = FastDelete(table, region, keys, (host, port), tls)
    fast.request("another", (now - datetime.timedelta(1)).timetuple())  # a signing key is valid for a day
    head, _, body = fast.request(connection_id, now.timetuple()).decode("ascii").partition("\r\n\r\n")
    line, *rest = head.split("\r\n")
    headers = dict(header.split(": ", 1) for header in rest)
    assert line == "POST / HTTP/1.1"
    assert headers.pop("Content-Length") == str(len(body))
    sent = headers.pop("Authorization")
    url = f"{'https' if tls else 'http'}://{host}:{port}/"
    oracle = AWSRequest("POST", url, {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: now)
        botocore.auth.SigV4Auth(Credentials(keys[0], keys[1], keys[2] or None), "dynamodb", region).add_auth(oracle)
    assert sent == oracle.headers["Authorization"]
    assert headers.pop("Host") == botocore.auth._host_from_url(url)
    del oracle.headers["Authorization"]
    assert headers == dict(oracle.headers.items())


@pytest.mark.parametrize("variable", ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"])
def test_it_asks_what_boto3_asks(connect: Connect, server: Server, plain: pytest.MonkeyPatch, variable: str) -> None:
    plain.setenv(variable, "another")
    client = session().create_client("dynamodb", endpoint_url=server.url)
    fast = connect()
    for connection_id in ("L0SM9cOFvHcCIhw=", 'quote " and \\ and \n', "연결", "\U0001f600", "\x7f\u2028"):
        server.answers += [EMPTY, EMPTY]
        fast.delete(connection_id)
        client.delete_item(TableName="connections", Key={"connectionId": {"S": connection_id}}, ReturnValues="ALL_OLD")
        ours, theirs = server.requests[-2:]
        assert json.loads(ours.body) == json.loads(theirs.body)
        for name in ("host", "content-type", "x-amz-target", "x-amz-security-token"):
            assert ours.headers[name] == theirs.headers[name]


# What is answered


@pytest.mark.parametrize(("more", "size"), [({}, 1), ({"blob": {"S": "x" * 400_000}}, 100_000)], ids=["small", "as large as can be"])
def test_it_puts_the_record_together_that_was_there(connect: Connect, more: dict[str, Any], size: int) -> None:
    whole = answer(json.dumps({"Attributes": OLD | more}).encode())
    assert connect([whole[start : start + size] for start in range(0, len(whole), size)]).delete("c1") == OLD | more


def bare(headers: bytes, body: bytes) -> bytes:
    """An answer with no other headers than these and the body's checksum."""
    return b"HTTP/1.1 200 OK\r\nx-amz-crc32: %d\r\n%s\r\n%s" % (zlib.crc32(body), headers, body)


ODD = {
    **NOT_WHOLE,
    "HTTP/1.0": answer(b"{}", status=b"HTTP/1.0 200 OK"),
    "no length": bare(b"", b"{}"),
    "two lengths": bare(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "a length that is no number": bare(b"Content-Length: two\r\n", b"{}"),
    "chunked with a length": bare(b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "more than its length": answer(b"{}") + b"x",
    "no checksum": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "not JSON": answer(b"<html>hello</html>"),
    "not an object": answer(b"[]"),
    "attributes that are none": answer(b'{"Attributes":["connectionId"]}'),
    "another connection's record": answer(b'{"Attributes":{"connectionId":{"S":"c2"}}}'),
    "a record without its key": answer(b'{"Attributes":{"clientId":{"S":"c1"}}}'),
    **{f"cut after {length} bytes": EMPTY[:length] for length in range(7, len(EMPTY), 40)},
}


def test_what_makes_the_others_odd_is_all_that_does(connect: Connect) -> None:
    assert connect(bare(b"Content-Length: 2\r\n", b"{}")).delete("c1") == {}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_answer_is_not_believed_and_not_asked_for_again(connect: Connect, server: Server, odd: bytes) -> None:
    assert connect([odd, CLOSE], EMPTY).delete("c1") is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [307, 400, 403, 500, 503])
def test_an_error_is_left_to_boto3_and_ends_the_connection(connect: Connect, server: Server, status: int) -> None:
    body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ExpiredTokenException"}).encode()
    fast = connect(answer(body, status=b"HTTP/1.1 %d Error" % status), EMPTY)
    assert [fast.delete("c1"), fast.delete("c2")] == [None, {}]
    assert server.connections == 2


# The connection


@pytest.mark.parametrize("end", [CLOSE, GOODBYE, RESET])
def test_a_kept_connection_that_breaks_is_replaced_once(connect: Connect, server: Server, end: str) -> None:
    """As Lambda drops idle connections while an environment is frozen. A fresh one that breaks, too, is left to boto3."""
    fast = connect(end, EMPTY, end, EMPTY, end, end, EMPTY)
    assert [fast.delete(name) for name in "abcd"] == [{}, {}, None, {}]
    assert deleted(server) == ["a", "a", "b", "b", "c", "c", "d"]


@pytest.mark.parametrize("end", [CLOSE, GOODBYE, RESET])
@pytest.mark.parametrize("before", [[], ["a"]], ids=["its first use", "a later one"])
def test_a_closed_connection_is_noticed_before_it_is_used(connect: Connect, server: Server, before: list[str], end: str) -> None:
    server.welcome = None if before else end
    answered = threading.Event()
    fast = connect(*([EMPTY, answered, end] for _ in before), EMPTY)
    assert [fast.delete(name) for name in before] == [{} for _ in before]
    answered.set()
    assert server.ended.acquire(timeout=10)
    server.welcome = None
    assert fast.delete("b") == {}
    assert (server.connections, deleted(server)) == (2, [*before, "b"])


def wait_until_readable(fast: FastDelete) -> None:
    assert fast._socket is not None
    assert select.select([fast._socket], [], [], 10)[0], "the server's bytes never came"


@pytest.mark.parametrize(("more", "connections"), [(b"", 1), (b"Connection: close\r\n", 2), (b"Connection: Close\r\n", 2)])
def test_a_connection_is_kept_unless_its_answer_says_close(connect: Connect, server: Server, more: bytes, connections: int) -> None:
    fast = connect(answer(b"{}", more=more), EMPTY)
    wait_until_readable(fast)  # session tickets, which are not taken for a close
    assert [fast.delete("a"), fast.delete("b")] == [{}, {}]
    assert server.connections == connections


def test_bytes_that_nobody_asked_for_end_the_connection(connect: Connect, server: Server) -> None:
    fast = connect([EMPTY, EMPTY], EMPTY)
    fast.delete("a")
    wait_until_readable(fast)
    assert fast.delete("b") == {}
    assert server.connections == 2


def test_a_reconnect_resumes_the_tls_session(connect: Connect, server: Server) -> None:
    fast = connect([EMPTY, CLOSE], EMPTY)
    fast.delete("a")
    assert server.ended.acquire(timeout=10)
    fast.delete("b")
    assert server.resumed == [False, True]


def resolving(*ports: int, after: Callable[[], object] = lambda: None) -> Callable[..., list[Any]]:
    """A getaddrinfo that answers with these ports of loopback."""
    getaddrinfo = socket.getaddrinfo

    def resolve(host: bytes, port: int, type: int) -> list[Any]:
        after()
        return [address for port in ports for address in getaddrinfo("127.0.0.1", port, type=type)]

    return resolve


def test_a_server_that_is_down_at_init_is_tried_again(connect: Connect, plain: pytest.MonkeyPatch) -> None:
    with plain.context() as patch:
        patch.setattr("socket.getaddrinfo", resolving())
        fast = connect(EMPTY)
        assert fast.delete("a") is None
    assert fast.delete("b") == {}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that answers nobody: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as queue:
        for _ in range(3):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_of_several_addresses_the_first_that_answers_is_taken(
    connect: Connect, server: Server, silent: int, plain: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()[1]
    plain.setattr("socket.getaddrinfo", resolving(refusing, silent, server.port))
    assert connect(EMPTY).delete("a") == {}


@pytest.fixture
def mute() -> Iterator[Server]:
    """A server that does not speak TLS."""
    with Server(None) as running:
        yield running


@pytest.mark.parametrize("slow", ["name", "addresses", "handshake", HANG, TRICKLE])
def test_a_delete_takes_no_longer_than_its_budget(
    slow: str, connect: Connect, mute: Server, silent: int, plain: pytest.MonkeyPatch
) -> None:
    plain.setattr(fast_delete, "BUDGET_S", 0.4)
    fast, released = connect(slow), threading.Event()
    if slow not in (HANG, TRICKLE):
        fast.close()
        resolve = {
            "name": resolving(after=lambda: released.wait(10)),
            "addresses": resolving(silent, silent, silent),
            "handshake": resolving(mute.port, after=lambda: released.wait(0.3)),
        }[slow]
        plain.setattr("socket.getaddrinfo", resolve)
    begun = time.monotonic()
    assert fast.delete("a") is None
    assert 0.3 < time.monotonic() - begun < 1.1
    released.set()


def test_init_takes_no_longer_than_the_budget(connect: Connect, mute: Server, plain: pytest.MonkeyPatch) -> None:
    assert fast_delete.BUDGET_S <= 1.0  # most of the time is for boto3 and the queue
    plain.setattr(fast_delete, "BUDGET_S", 0.3)
    plain.setattr("socket.getaddrinfo", resolving(mute.port))
    begun = time.monotonic()
    connect()
    assert time.monotonic() - begun < 5


def test_an_address_that_cannot_be_connected_to_raises_nothing(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:99999")
    assert connect_here().delete("c1") is None


def test_plain_http_is_spoken_where_the_endpoint_says_so(mute: Server, plain: pytest.MonkeyPatch) -> None:
    plain.setenv("AWS_ENDPOINT_URL", f"{mute.url}/")
    mute.answers.append(EMPTY)
    assert connect_here().delete("c1") == {}
    assert mute.requests[0].headers["host"] == f"127.0.0.1:{mute.port}"


# Certificates


def test_a_refused_certificate_is_given_up_and_named_once(server: Server, plain: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "stranger.pem"))
    plain.setenv("AWS_ENDPOINT_URL", server.url)
    plain.setenv("AWS_CA_BUNDLE", str(tmp_path / "stranger.pem"))
    fast = connect_here()
    reasons = [(fast.delete("c1"), fast.missed())[1] for _ in range(fast_delete.MISSES + 2)]
    assert [type(reason) for reason in reasons if reason] == [ssl.SSLCertVerificationError]
    assert server.connections == 1 + fast_delete.MISSES  # INIT's, and one for each


@pytest.mark.parametrize(
    ("host", "endpoint", "trusted_by", "answered"),
    [
        (AWS, "", "amazon_roots.pem", True),
        (AWS, "", "AWS_CA_BUNDLE", True),
        (AWS, "", "SSL_CERT_FILE", False),  # the system's roots
        (AWS, f"https://{AWS}", "SSL_CERT_FILE", True),
        ("elsewhere.example", "", "AWS_CA_BUNDLE", False),
    ],
)
def test_aws_is_trusted_by_amazons_roots_and_an_endpoint_by_all(
    plain: pytest.MonkeyPatch, authority: trustme.CA, bundle: str, host: str, endpoint: str, trusted_by: str, answered: bool
) -> None:
    plain.setenv("AWS_ENDPOINT_URL", endpoint)
    if trusted_by == "amazon_roots.pem":
        plain.setattr(fast_delete, "AMAZON_ROOTS", bundle)
    else:
        plain.setenv(trusted_by, bundle)
    with Server(authority.issue_cert(host)) as server:
        plain.setattr("socket.getaddrinfo", resolving(server.port))
        server.answers.append(EMPTY)
        assert connect_here().delete("c1") == ({} if answered else None)
        assert [request.headers["host"] for request in server.requests] == [AWS] * answered


def test_the_roots_are_the_five_of_amazon_trust_services() -> None:
    """Their fingerprints are published at https://www.amazontrust.com/repository/."""
    certificates = re.findall("-----BEGIN.*?-----END CERTIFICATE-----", Path(fast_delete.AMAZON_ROOTS).read_text(), re.DOTALL)
    assert [hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest() for text in certificates] == [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ]


# The settings


KEYS, ENDPOINT, FILE = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or", "endpoint", "No such file|Invalid argument|cafile"
NOT_PLAIN: dict[str, tuple[dict[str, str | None], str]] = {
    "SnapStart's credentials": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/", "AWS_ACCESS_KEY_ID": ""}, KEYS),
    "an empty secret": ({"AWS_SECRET_ACCESS_KEY": ""}, KEYS),
    "a key that would break the header": ({"AWS_ACCESS_KEY_ID": "key\r\nX-Evil: 1"}, KEYS),
    "a token with a space": ({"AWS_SESSION_TOKEN": "to ken"}, KEYS),
    "no key": ({"AWS_ACCESS_KEY_ID": None}, "AWS_ACCESS_KEY_ID"),
    "no secret": ({"AWS_SECRET_ACCESS_KEY": None}, "AWS_SECRET_ACCESS_KEY"),
    "no region": ({"AWS_DEFAULT_REGION": None}, "AWS_DEFAULT_REGION"),
    "a bundle that is not there": ({"AWS_CA_BUNDLE": "/nowhere/ca.pem"}, FILE),
    "an empty bundle": ({"AWS_CA_BUNDLE": ""}, FILE),
    "an endpoint with a path": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1/path"}, ENDPOINT),
    "an endpoint with a user": ({"AWS_ENDPOINT_URL": "http://user@127.0.0.1:1"}, ENDPOINT),
    "an endpoint in IPv6": ({"AWS_ENDPOINT_URL": "http://[::1]:1"}, ENDPOINT),
    "an endpoint without a scheme": ({"AWS_ENDPOINT_URL": "127.0.0.1:1"}, ENDPOINT),
    "an endpoint whose port only Python reads": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1_0"}, ENDPOINT),
    "an endpoint of dual stack": ({"AWS_ENDPOINT_URL": "https://dynamodb.eu-west-1.api.aws"}, ENDPOINT),
    "DynamoDB's endpoint": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://[::1]"}, ENDPOINT),
    **{name: ({name: "true"}, name.upper()) for name in (*sorted(fast_delete.LEFT_TO_BOTO3), "https_proxy")},
}


@pytest.mark.parametrize(("settings", "reason"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_setting_that_is_not_plain_is_left_to_boto3_and_named(
    plain: pytest.MonkeyPatch, no_network: Asked, settings: dict[str, str | None], reason: str
) -> None:
    for name, value in settings.items():
        if value is None:
            plain.delenv(name)
        else:
            plain.setenv(name, value)
    with pytest.raises((KeyError, OSError, ValueError), match=reason):
        fast_delete.connect("connections")
    assert no_network == []


def test_an_odd_table_or_home_folder_is_left_to_boto3(no_network: Asked, tmp_path: Path) -> None:
    for table in ("arn:aws:dynamodb:eu-west-1:123456789012:table/connections", 'a"b', "", "tabelle-ä"):
        with pytest.raises(ValueError, match="table"):
            fast_delete.connect(table)
    (tmp_path / ".aws").mkdir()
    with pytest.raises(ValueError, match=r"~/\.aws"):
        fast_delete.connect("connections")
    assert no_network == []


UNKNOWN = dict.fromkeys(["AWS_TELEPATHY", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_APPCONFIG_EXTENSION_HTTP_PORT", "DD_PROXY_HTTPS"], "true")


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (UNKNOWN, (AWS, 443)),  # botocore does not read them either
        ({"AWS_ENDPOINT_URL": f"http://{VPCE}:8443"}, (VPCE, 8443)),
        ({"AWS_ENDPOINT_URL_DYNAMODB": f"http://{VPCE}:8443"}, (VPCE, 8443)),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"}, ("127.0.0.1", 2)),
    ],
    ids=str,
)
def test_a_plain_setting_is_followed(
    plain: pytest.MonkeyPatch, no_network: Asked, settings: dict[str, str], address: tuple[str, int]
) -> None:
    for name, value in settings.items():
        plain.setenv(name, value)
    assert fast_delete.connect("Security_Event.Connections-2") is not None
    assert no_network == [address]


# Each has tests of its own.
FOLLOWED = """
    AWS_ACCESS_KEY_ID AWS_CA_BUNDLE AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_SECRET_ACCESS_KEY AWS_SECURITY_TOKEN AWS_SESSION_TOKEN
"""
# The value that makes the greatest difference where "true" is none; of all other variables that botocore reads it is "true".
VALUES = """
    ALL_PROXY=socks5://proxy AWS_AUTH_SCHEME_PREFERENCE=sigv4a AWS_BEARER_TOKEN_DYNAMODB=token
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9/ AWS_CSM_HOST=127.0.0.1 AWS_CSM_PORT=9 AWS_DEFAULTS_MODE=in-region
    AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9 AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv6 AWS_EXECUTION_ENV=AWS_Lambda_rust
    AWS_MAX_ATTEMPTS=1 AWS_METADATA_SERVICE_NUM_ATTEMPTS=2 AWS_METADATA_SERVICE_TIMEOUT=2 AWS_REGION=us-east-1
    AWS_REQUEST_CHECKSUM_CALCULATION=when_required AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES=1
    AWS_RESPONSE_CHECKSUM_VALIDATION=when_required AWS_RETRY_MODE=adaptive AWS_S3_US_EAST_1_REGIONAL_ENDPOINT=regional
    AWS_SIGV4A_SIGNING_REGION_SET=* AWS_STS_REGIONAL_ENDPOINTS=legacy NO_PROXY=amazonaws.com
"""


def read_by_botocore() -> set[str]:
    """The variables that botocore reads, those of a new version included."""
    sources = [path.read_text() for path in Path(botocore.__file__).parent.rglob("*.py") if "vendored" not in path.parts]
    return {name for text in sources for name in re.findall(r"""["']((?:AWS|BOTO|BOTOCORE|REQUESTS)_[A-Z0-9_]+)["']""", text)}


MOST_DIFFERENT = dict(setting.split("=", 1) for setting in VALUES.split())
IGNORED = (read_by_botocore() | MOST_DIFFERENT.keys()) - fast_delete.LEFT_TO_BOTO3 - set(FOLLOWED.split())


def session() -> botocore.session.Session:
    """It shares botocore's models with the others, which takes a ninth of the time."""
    made = botocore.session.Session()
    made.register_component("data_loader", MODELS)
    return made


def asked_of_botocore() -> list[Any]:
    """Where and how botocore asks for a DeleteItem in this environment; what does not get there, and how often it would ask, left out."""
    seen: list[Any] = []

    def note(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        http = client._endpoint.http_session
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("user-agent", "x-amz-date")}
        headers = {name: value for name, value in headers.items() if not name.lower().startswith(("amz-sdk-", "x-amzn-trace"))}
        headers["Authorization"] = re.sub(rb"/\d{8}/|SignedHeaders.*", b"", request.headers["Authorization"])
        seen.extend([request.url, request.body, headers, http._proxy_config.proxy_url_for(request.url), http._verify])
        return AWSResponse(request.url, 200, {}, MockRawResponse(b"{}"))

    client = session().create_client("dynamodb")
    client.meta.events.register_last("before-send.dynamodb", note)
    client.delete_item(TableName="connections", Key={"connectionId": {"S": "c1"}}, ReturnValues="ALL_OLD")
    return seen


@pytest.mark.parametrize("also", [[], ["NO_PROXY"]], ids=str)  # NO_PROXY could hide what another proxy variable does
def test_what_is_ignored_does_not_change_botocores_request(plain: pytest.MonkeyPatch, no_network: Asked, also: list[str]) -> None:
    """If one that a new version reads fails here, it belongs into LEFT_TO_BOTO3."""
    before = asked_of_botocore()
    for name in [*IGNORED - {"NO_PROXY"}, *also]:
        plain.setenv(name, MOST_DIFFERENT.get(name, "true"))
    assert asked_of_botocore() == before
    assert fast_delete.connect("connections") is not None


def test_a_standard_region_is_reached_as_botocore_reaches_it(plain: pytest.MonkeyPatch, no_network: Asked) -> None:
    """boto3 serves all others, and what is none."""
    models = session()
    resolver = models._get_internal_component("endpoint_resolver")
    partitions = {name: models.get_available_regions("dynamodb", name) for name in models.get_available_partitions()}
    standard = partitions.pop("aws")
    others = [*itertools.chain(*partitions.values()), "local", "aws-global", "eu-west-", "eu--1", "eu-west-1.evil.example", "a/"]
    for region in (*standard, *others):
        plain.setenv("AWS_DEFAULT_REGION", region)
        no_network.clear()
        fast = fast_delete.connect("connections")
        assert (fast is not None) == (region in standard), region
        if region in standard:
            assert no_network == [(resolver.construct_endpoint("dynamodb", region)["hostname"], 443)]


# What INIT imports


def test_init_imports_nothing_that_the_fast_path_does_not_need() -> None:
    """Beside what AWS's runtime client has imported by then. Each module more is work for every cold start: a new name needs a reason."""
    program = "import sys, json, logging; before = set(sys.modules); import disconnect; print(*set(sys.modules) - before)"
    environment = {**os.environ, "PYTHONPATH": str(FUNCTION), "CONNECTIONS_TABLE": "connections", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60)
    ours = {"disconnect", "cause", "ending", "fast_delete", "log", "privacy", "route_settings"}
    signing = {"binascii", "hashlib", "hmac", "_blake2", "_hashlib"}
    connecting = {"array", "base64", "errno", "math", "select", "selectors", "socket", "ssl", "struct", "_socket", "_ssl", "_struct"}
    assert set(done.stdout.split()) <= ours | signing | connecting | {"__future__"}
