"""The fault proxy: each fault does what its name says. tests/faults shows that it does so to the requests that it is meant for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from local.aws import LocalAws, create_table
from local.fault_proxy import ERRORS, NOT_WHOLE

KEY = {"connectionId": {"S": "a"}}
CUT = (ConnectionClosedError, EndpointConnectionError)


def client(service: str, aws: LocalAws) -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=1)
    return aws.client(service, endpoint_url=aws.faults.url, config=config)


@pytest.fixture
def dynamodb(aws: LocalAws) -> Iterator[Any]:
    dynamodb = client("dynamodb", aws)
    create_table(dynamodb, "faulty")
    dynamodb.put_item(TableName="faulty", Item=KEY)
    yield dynamodb
    aws.client("dynamodb").delete_table(TableName="faulty")


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName="faulty")["Count"])


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "delete_item", {"TableName": "faulty", "Key": KEY}),
        ("sqs", "send_message", {"QueueUrl": "http://127.0.0.1/0/q", "MessageBody": "b"}),
        ("events", "put_events", {"Entries": [{}]}),
        ("apigatewaymanagementapi", "get_connection", {"ConnectionId": "a"}),
        ("lambda", "invoke", {"FunctionName": "f"}),
    ],
)
def test_every_error_keeps_its_name_and_status(aws: LocalAws, service: str, operation: str, arguments: dict[str, Any]) -> None:
    caller = client(service, aws)
    signing_name = caller.meta.service_model.signing_name
    for error, status in ERRORS[signing_name].items():
        with aws.faults.fail(signing_name, error), pytest.raises(ClientError) as caught:
            getattr(caller, operation)(**arguments)
        assert caught.value.response["Error"]["Code"] == error
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    with pytest.raises(ValueError, match="is neither an error of"):
        aws.faults.fail(signing_name, "OfNoService")


@pytest.mark.parametrize(
    ("what", "error", "left"),
    [("cut", CUT, 1), ("lose answer", CUT, 0), ("hang", ReadTimeoutError, 1), *((what, None, 1) for what in NOT_WHOLE)],
)
def test_a_fault_is_what_the_client_sees(aws: LocalAws, dynamodb: Any, what: str, error: Any, left: int) -> None:
    with aws.faults.fail("dynamodb", what), pytest.raises(error) if error else nullcontext():
        assert "Attributes" not in dynamodb.delete_item(TableName="faulty", Key=KEY, ReturnValues="ALL_OLD")
    assert count(aws.client("dynamodb")) == left  # not on the connection that the proxy is closing


def test_a_repeated_request_reaches_the_service_twice(aws: LocalAws, dynamodb: Any) -> None:
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "ALL_NEW"}
    with aws.faults.fail("dynamodb", "repeat"):
        assert dynamodb.update_item(TableName="faulty", Key=KEY, **add)["Attributes"]["n"] == {"N": "2"}
