"""Nobody who lacks this run's key can use the local AWS, and no web page can use it at all."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus

from local.aws import REGION, LocalAws, local_aws
from tools.deployment import until

from .conftest import Api

LIST = "Action=ListQueues&Version=2012-11-05"


@pytest.fixture(params=["MiniStack", "the fault proxy"])
def door(aws: LocalAws, request: pytest.FixtureRequest) -> str:
    return aws.endpoint if request.param == "MiniStack" else aws.faults.url


def ask(url: str, key: Mapping[str, str], added: Mapping[str, str], method: str = "POST", path: str = "/") -> tuple[int, str]:
    """A request with a valid signature, to which headers are added as a browser adds them."""
    request = AWSRequest(method, f"{url}{path}", {"Content-Type": "application/x-www-form-urlencoded"}, LIST)
    SigV4Auth(Credentials(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"]), "sqs", REGION).add_auth(request)
    response = urllib3.request(method, f"{url}{path}", body=LIST, headers={**request.headers, **added}, timeout=30)
    return response.status, response.data.decode()


def test_what_is_not_a_programs_signed_call_is_refused(aws: LocalAws, door: str) -> None:
    assert ask(door, aws.key, {})[0] == 200
    for added in (
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Host": "rebound.example.com"},
        {"Host": "127.0.0.1"},
        {"Host": "localhost:80"},
    ):
        status, said = ask(door, aws.key, added)
        assert (status, "this server" in said) == (403, True), added
    for path in ("/_ministack/reset", "/_ministack/config", "/_localstack/health", "/_aws/sqs/messages"):
        assert [ask(door, aws.key, {}, method, path)[0] for method in ("GET", "POST")] == [403, 403], "management is closed"
    assert urllib3.request("PUT", f"{door}/a-bucket").status == 403  # S3 takes what is unsigned for anonymous


def test_a_key_counts_by_its_secret(aws: LocalAws) -> None:
    for service, operation in {"dynamodb": "list_tables", "lambda": "list_functions", "s3": "list_buckets"}.items():
        getattr(aws.client(service), operation)()
        for key_id in ("test", "000000000000", "AKIAIOSFODNN7EXAMPLE", aws.key["AWS_ACCESS_KEY_ID"]):
            with pytest.raises(ClientError, match=r"signature|token|Key|\(403\)"):
                getattr(aws.client(service, aws_access_key_id=key_id, aws_secret_access_key="test"), operation)()
    with local_aws() as other, pytest.raises(ClientError, match="token"):
        aws.client("sts", endpoint_url=other.endpoint).get_caller_identity()


def test_a_functions_key_cannot_be_computed(api: Api) -> None:
    function = api.function("""
        import os
        def handler(event, context):
            return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")}
    """)
    configuration = api.aws.client("lambda").get_function(FunctionName=function)["Configuration"]
    api.aws.client("lambda").invoke(FunctionName=function)
    digest = hashlib.sha256(f"{configuration['FunctionArn']}:{configuration['Role']}".encode()).hexdigest()
    secret, token = (hashlib.sha256(f"{kind}:{digest}".encode()).hexdigest() for kind in ("secret", "token"))
    options = {"aws_access_key_id": f"ASIA{digest[:16].upper()}", "aws_secret_access_key": secret, "aws_session_token": token}
    with pytest.raises(ClientError, match="signature"):
        api.aws.client("sts", **options).get_caller_identity()


def test_only_pages_of_this_machine_may_open_a_websocket(observed: Api) -> None:
    for headers in (
        {"origin": "https://example.com"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.example.com"},
        {"origin": "http://localhost@example.com"},
        {"additional_headers": {"Sec-Fetch-Site": "cross-site"}},
    ):
        with pytest.raises(InvalidStatus, match="403"), observed.connect(**headers):
            pass
    assert observed.next_event(wait=0) is None
    for origin in (None, "http://127.0.0.1:8000", "https://localhost", "http://[::1]:3000"):
        with observed.connect(origin=origin):
            assert until(lambda: observed.aws.open_sockets == 1, seconds=10, every=0.05)
        assert until(lambda: observed.aws.open_sockets == 0, seconds=10, every=0.05)


def test_both_listen_on_loopback_alone(door: str) -> None:
    port = urlsplit(door).port or 0
    for address in {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)
