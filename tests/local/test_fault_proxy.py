"""The fault proxy: each fault does what its name says, to the requests that it is meant for, and to no others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from moto.server import ThreadedMotoServer

from local.aws import create_table
from local.fault_proxy import ERRORS, NOT_WHOLE, FaultProxy

KEY = {"connectionId": {"S": "a"}}
CUT = (ConnectionClosedError, EndpointConnectionError)


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def proxy(moto_server: str) -> Iterator[FaultProxy]:
    with FaultProxy(moto_server) as proxy:
        yield proxy


def client(service: str, proxy: FaultProxy, read_timeout: float = 5) -> Any:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=read_timeout, max_pool_connections=20)
    return boto3.client(service, "ap-northeast-2", endpoint_url=proxy.url, config=config, **keys)


@pytest.fixture
def dynamodb(proxy: FaultProxy) -> Any:
    dynamodb = client("dynamodb", proxy)
    for name in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=name)
    create_table(dynamodb, "t")
    dynamodb.put_item(TableName="t", Item=KEY)
    proxy.requests.clear()
    return dynamodb


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName="t")["Count"])


def test_what_meets_no_fault_passes_and_is_noted(proxy: FaultProxy, dynamodb: Any) -> None:
    proxy.fail("sqs", "cut")
    proxy.fail("dynamodb", "cut", operation="DeleteItem")
    proxy.fail("dynamodb", "cut", where=lambda request: request.json["TableName"] == "other")
    assert count(dynamodb) == 1
    assert [(r.service, r.operation, r.status, r.fault) for r in proxy.requests] == [("dynamodb", "Scan", 200, None)]
    assert proxy.requests[0].json == {"TableName": "t"}
    assert b'"Count": 1' in proxy.requests[0].answer


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "delete_item", {"TableName": "t", "Key": KEY}),
        ("sqs", "send_message", {"QueueUrl": "http://127.0.0.1/0/q", "MessageBody": "b"}),
        ("apigatewaymanagementapi", "get_connection", {"ConnectionId": "a"}),
        ("lambda", "invoke", {"FunctionName": "f"}),
    ],
)
def test_every_error_keeps_its_name_and_status(proxy: FaultProxy, service: str, operation: str, arguments: dict[str, Any]) -> None:
    caller = client(service, proxy)
    signing_name = caller.meta.service_model.signing_name
    for error, status in ERRORS[signing_name].items():
        with proxy.fail(signing_name, error), pytest.raises(ClientError) as caught:
            getattr(caller, operation)(**arguments)
        assert caught.value.response["Error"]["Code"] == error
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("what", "error", "left"),
    [("cut", CUT, 1), ("lose answer", CUT, 0), ("hang", ReadTimeoutError, 1), *((what, None, 1) for what in NOT_WHOLE)],
)
def test_a_fault_is_what_the_client_sees(proxy: FaultProxy, dynamodb: Any, what: str, error: Any, left: int) -> None:
    with proxy.fail("dynamodb", what), pytest.raises(error) if error else nullcontext():
        answer = client("dynamodb", proxy, read_timeout=1).delete_item(TableName="t", Key=KEY, ReturnValues="ALL_OLD")
        assert "Attributes" not in answer
    assert count(dynamodb) == left


def test_a_repeated_request_reaches_the_service_twice(proxy: FaultProxy, dynamodb: Any) -> None:
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "ALL_NEW"}
    with proxy.fail("dynamodb", "repeat"):
        assert dynamodb.update_item(TableName="t", Key=KEY, **add)["Attributes"]["n"] == {"N": "2"}


def test_a_hanging_request_is_cut_when_the_fault_is_withdrawn(proxy: FaultProxy, dynamodb: Any) -> None:
    fault = proxy.fail("dynamodb", "hang")
    threading.Timer(0.2, fault.withdraw).start()
    with pytest.raises(CUT):
        dynamodb.delete_item(TableName="t", Key=KEY)


def test_a_delay_holds_many_back_at_once_and_lets_them_pass(proxy: FaultProxy, dynamodb: Any) -> None:
    with proxy.fail("dynamodb", "pass", delay=0.5), ThreadPoolExecutor(20) as pool:
        started = time.monotonic()
        assert list(pool.map(lambda _: count(dynamodb), range(20))) == [1] * 20
    assert 0.5 <= time.monotonic() - started < 5  # one after the other: 10 s


def test_a_fault_meets_as_many_and_as_often_as_it_says(proxy: FaultProxy, dynamodb: Any) -> None:
    twice = proxy.fail("dynamodb", "ThrottlingException", times=2)
    for _ in range(2):
        with pytest.raises(ClientError):
            count(dynamodb)
    assert (count(dynamodb), twice.hits) == (1, 2)
    sometimes = proxy.fail("dynamodb", "ThrottlingException", probability=0.3)
    for _ in range(200):
        with suppress(ClientError):
            count(dynamodb)
    assert 40 <= sometimes.hits <= 80


def test_a_fault_that_aws_does_not_document_is_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match=r"neither an error of dynamodb .* nor one of hang"):
        proxy.fail("dynamodb", "GoneException")
