"""The fault proxy: each fault does what its name says, to the requests that it is meant for, and to no others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from moto.server import ThreadedMotoServer

from local.fault_proxy import ERRORS, NOT_WHOLE, FaultProxy

NEVER_RETRY = Config(retries={"total_max_attempts": 1}, read_timeout=2)
KEY = {"connectionId": {"S": "a"}}


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


def client(service: str, proxy: FaultProxy, config: Config = NEVER_RETRY) -> Any:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    return boto3.client(service, "ap-northeast-2", endpoint_url=proxy.url, config=config, **keys)


@pytest.fixture
def dynamodb(proxy: FaultProxy, moto_server: str) -> Any:
    dynamodb = client("dynamodb", proxy)
    for name in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=name)
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    dynamodb.put_item(TableName="t", Item=KEY)
    proxy.requests.clear()
    return dynamodb


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName="t")["Count"])


def test_what_meets_no_fault_passes_and_is_noted(proxy: FaultProxy, dynamodb: Any) -> None:
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


def test_a_cut_line_is_seen_by_the_client_and_not_by_the_service(proxy: FaultProxy, dynamodb: Any) -> None:
    with proxy.fail("dynamodb", "cut"), pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        dynamodb.delete_item(TableName="t", Key=KEY)
    assert count(dynamodb) == 1


def test_a_lost_answer_leaves_the_work_done(proxy: FaultProxy, dynamodb: Any) -> None:
    with proxy.fail("dynamodb", "lose answer"), pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        dynamodb.delete_item(TableName="t", Key=KEY)
    assert count(dynamodb) == 0


@pytest.mark.parametrize("what", NOT_WHOLE)
def test_an_incomplete_answer_replaces_the_request(proxy: FaultProxy, dynamodb: Any, what: str) -> None:
    believing = client("dynamodb", proxy, Config(retries={"mode": "standard", "total_max_attempts": 1}))
    with proxy.fail("dynamodb", what):
        assert "Attributes" not in believing.delete_item(TableName="t", Key=KEY, ReturnValues="ALL_OLD")
    assert count(dynamodb) == 1


def test_a_repeated_request_reaches_the_service_twice(proxy: FaultProxy, dynamodb: Any) -> None:
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "ALL_NEW"}
    with proxy.fail("dynamodb", "repeat"):
        assert dynamodb.update_item(TableName="t", Key=KEY, **add)["Attributes"]["n"] == {"N": "2"}


def test_a_hanging_request_ends_when_the_client_gives_up(proxy: FaultProxy, dynamodb: Any) -> None:
    impatient = client("dynamodb", proxy, Config(retries={"total_max_attempts": 1}, read_timeout=0.2))
    with proxy.fail("dynamodb", "hang"), pytest.raises(ReadTimeoutError):
        impatient.delete_item(TableName="t", Key=KEY)
    assert count(dynamodb) == 1


def test_a_hanging_request_is_cut_when_the_fault_is_withdrawn(proxy: FaultProxy, dynamodb: Any) -> None:
    fault = proxy.fail("dynamodb", "hang")
    threading.Timer(0.2, fault.withdraw).start()
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        dynamodb.delete_item(TableName="t", Key=KEY)


def test_a_delay_holds_a_request_back_and_lets_it_pass(proxy: FaultProxy, dynamodb: Any) -> None:
    with proxy.fail("dynamodb", "pass", delay=0.3):
        started = time.monotonic()
        dynamodb.delete_item(TableName="t", Key=KEY)
    assert time.monotonic() - started >= 0.3
    assert count(dynamodb) == 0


def test_a_fault_with_times_is_over_after_that_many(proxy: FaultProxy, dynamodb: Any) -> None:
    fault = proxy.fail("dynamodb", "ThrottlingException", times=2)
    for _ in range(2):
        with pytest.raises(ClientError):
            count(dynamodb)
    assert count(dynamodb) == 1
    assert fault.hits == 2


def test_a_fault_meets_only_its_service_operation_and_predicate(proxy: FaultProxy, dynamodb: Any) -> None:
    proxy.fail("sqs", "cut")
    proxy.fail("dynamodb", "cut", operation="DeleteItem")
    proxy.fail("dynamodb", "cut", where=lambda request: request.json["TableName"] == "other")
    assert count(dynamodb) == 1


def test_a_fault_with_a_probability_meets_about_that_share(proxy: FaultProxy, dynamodb: Any) -> None:
    fault = proxy.fail("dynamodb", "ThrottlingException", probability=0.3)
    for _ in range(200):
        try:
            count(dynamodb)
        except ClientError:
            continue
    assert 40 <= fault.hits <= 80


def test_many_connections_are_served_at_once(proxy: FaultProxy, dynamodb: Any) -> None:
    wide = client("dynamodb", proxy, Config(max_pool_connections=20))
    with proxy.fail("dynamodb", "pass", delay=0.5), ThreadPoolExecutor(20) as pool:
        started = time.monotonic()
        list(pool.map(lambda _: count(wide), range(20)))
    assert time.monotonic() - started < 5  # one after the other: 10 s


def test_a_fault_that_aws_does_not_document_is_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match=r"neither an error of dynamodb .* nor one of hang"):
        proxy.fail("dynamodb", "GoneException")


def test_nothing_listens_after_the_block() -> None:
    with FaultProxy("http://127.0.0.1:9") as proxy:
        pass
    with pytest.raises(EndpointConnectionError):
        client("dynamodb", proxy).list_tables()
