"""boto3's clients: what botocore would believe and must not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws import Clients
from botocore.exceptions import BotoCoreError, ClientError

from bench.dynamodb import CLOSE, answer
from local.fault_proxy import NOT_WHOLE
from tests.unit.fast_delete_server import Server
from tests.unit.support import TABLE, Clock

Call = Callable[[Any], Any]
KEY = {"connectionId": {"S": "c"}}
RECORD, SENT = answer(json.dumps({"Item": KEY}).encode()), answer(b'{"MessageId":"m"}')
FLAWS: dict[str, list[bytes | str]] = {name: [text, CLOSE] if name == "end in head" else [text] for name, text in NOT_WHOLE.items()}
# service, call, answer
CALLS: dict[str, tuple[str, Call, bytes]] = {
    "read": ("dynamodb", lambda client: client.get_item(TableName=TABLE, Key=KEY), RECORD),
    "write": ("dynamodb", lambda client: client.put_item(TableName=TABLE, Item=KEY), answer(b"{}")),
    "send": ("sqs", lambda client: client.send_message(QueueUrl=f"{client.meta.endpoint_url}/0/q", MessageBody="b"), SENT),
}


@pytest.mark.parametrize(("service", "call", "whole"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_an_answer_is_not_believed_unless_it_is_whole(
    flaw: list[bytes | str], service: str, call: Call, whole: bytes, endpoint: Server, clock: Clock
) -> None:
    endpoint.answers += [flaw, whole, flaw, flaw]
    client = Clients(timeout=2.0, attempts=2)(service)
    call(client)
    with pytest.raises(ClientError, match="is incomplete"):
        call(client)
    assert len(endpoint.requests) == 4


@pytest.mark.parametrize("length", range(0, len(RECORD), 27))
def test_an_answer_cut_anywhere_is_no_answer(length: int, endpoint: Server) -> None:
    endpoint.answers += [[RECORD[:length], CLOSE]]
    with pytest.raises((BotoCoreError, ClientError)):
        Clients(timeout=2.0, attempts=1)("dynamodb").get_item(TableName=TABLE, Key=KEY)
