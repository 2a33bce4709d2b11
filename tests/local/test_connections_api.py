"""@connections, as functions and others see it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosedOK

from .conftest import Api

PROBE = """
    import boto3, json
    def handler(event, context):
        found = boto3.client("apigatewaymanagementapi").get_connection(ConnectionId=event["id"])
        return found["Identity"]
"""


def connection_id(api: Api) -> str:
    return str((api.next_event() or {})["requestContext"]["connectionId"])


def test_get_tells_who_is_connected_since_when(observed: Api) -> None:
    with observed.connect():
        found = observed.aws.connections(observed.id, "dev").get_connection(ConnectionId=connection_id(observed))
    assert abs((datetime.now(timezone.utc) - found["ConnectedAt"]).total_seconds()) < 10
    assert found["LastActiveAt"] >= found["ConnectedAt"]
    assert found["Identity"]["SourceIp"] == "127.0.0.1"


def test_delete_closes_the_clients_socket(observed: Api) -> None:
    with observed.connect() as socket:
        observed.aws.connections(observed.id, "dev").delete_connection(ConnectionId=connection_id(observed))
        with pytest.raises(ConnectionClosedOK):
            socket.recv(timeout=5)


@pytest.mark.parametrize("operation", ["get_connection", "delete_connection"])
def test_a_closed_connection_is_gone(observed: Api, operation: str) -> None:
    with observed.connect():
        gone = connection_id(observed)
    observed.next_event()
    with pytest.raises(ClientError) as caught:
        getattr(observed.aws.connections(observed.id, "dev"), operation)(ConnectionId=gone)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


@pytest.mark.parametrize("allowed", [True, False])
def test_a_function_reaches_connections_if_its_role_allows(observed: Api, allowed: bool) -> None:
    resource = f"{observed.execution_arn}/dev/{'GET' if allowed else 'POST'}/@connections/*"
    function = observed.function(
        PROBE,
        allow=[{"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": resource}],
        Environment={
            "Variables": {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"https://{observed.id}.execute-api.ap-northeast-2.amazonaws.com/dev"}
        },
    )
    with observed.connect():
        event = b'{"id": "%s"}' % connection_id(observed).encode()
        answer = observed.aws.client("lambda").invoke(FunctionName=function, Payload=event)["Payload"].read().decode()
    assert ("127.0.0.1" in answer) is allowed
    assert ("AccessDenied" in answer or "Forbidden" in answer) is not allowed
