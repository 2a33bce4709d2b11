"""What exists already and does not fit is refused by a plan, with its name and the way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.terraform import TerraformError

from .calls import API, REPOSITORY, Call, table

pytestmark = pytest.mark.xdist_group("existing")  # to plan once

THEIRS = 'create = false\nclient_index = "byClient"\n'
KEYS = "connectionId S, clientId S, connectedAt N"
# A table that is there and does not fit, named after the call: module, more inputs, the table, and words of the message.
UNFIT = {
    "other-key": ("connections-table", THEIRS, table("", "id S"), "Its partition key is id"),
    "sort-key": ("connections-table", THEIRS, table("", "connectionId S, at N", sort_key="at"), "its sort key at"),
    "number-key": ("connections-table", THEIRS, table("", "connectionId N"), "connectionId (String)"),
    "no-index": ("connections-table", THEIRS, table("", KEYS), "no global secondary index byClient"),
    "keys-only": (
        "connections-table",
        THEIRS,
        table("", KEYS, indexes="byClient clientId connectedAt").replace('"ALL"', '"KEYS_ONLY"'),
        "no global secondary index byClient",
    ),
    "not-by-connection": ("related-table", "", table("", "room S"), "is room, not connectionId"),
    "text-sort-key": (
        "connections-table",
        THEIRS,
        table("", KEYS.replace("At N", "At S"), indexes="byClient clientId connectedAt"),
        "no global secondary index byClient",
    ),
    "missing-index": (
        "related-table",
        'index = "byPerson"',
        table("", "room S", indexes="byMember member"),
        "no global secondary index byPerson",
    ),
    "index-on-other": ("related-table", 'index = "byMember"', table("", "room S", indexes="byMember member"), "It has: byMember (member)"),
    "number-attribute": ("related-table", "", table("", "connectionId N"), "must be a key of type String"),
}

ELSEWHERE = {  # the provider's, the API's, and what is said
    "region": (
        "eu-central-1",
        "us-east-1",
        "The WebSocket API is in us-east-1, but the module's provider is in another region (ec2.eu-central-1",
    ),
    "account": (
        "111122223333",
        "444455556666",
        "The WebSocket API is in account 444455556666, but the module's provider is in 111122223333",
    ),
}


@pytest.fixture(scope="module")
def messages(consumer: Callable[..., Path], run: Callable[..., str]) -> list[str]:
    """What is said against all of UNFIT and ELSEWHERE."""
    calls = {
        name: Call(
            f'name = "{name}"\n{inputs}',
            REPOSITORY / "modules" / module,
            {f"data.aws_dynamodb_table.this{'[0]' if module == 'connections-table' else ''}": found},
            required=False,
        )
        for name, (module, inputs, found, _) in UNFIT.items()
    }
    provider = {
        "data.aws_region.provider": '{ endpoint = "ec2.eu-central-1.amazonaws.com" }',
        "data.aws_caller_identity.provider": '{ account_id = "111122223333" }',
    }
    for name, (ours, theirs, _) in ELSEWHERE.items():
        inputs = f'execution_arn = "{API.replace(ours, theirs)}"\nnames = {{ prefix = "chat" }}'
        calls[name] = Call(inputs, REPOSITORY / "modules/place", provider, required=False)
    test = 'mock_provider "aws" {}\n' + "".join(call.overrides(name) for name, call in calls.items()) + 'run "all" {\n  command = plan\n}\n'
    with pytest.raises(TerraformError) as error:
        run(consumer(calls, "", all=test), "test", "-json")
    found = map(json.loads, str(error.value).splitlines())
    return [message["diagnostic"]["detail"] for message in found if message["type"] == "diagnostic"]


@pytest.mark.parametrize("name", UNFIT)
def test_a_table_that_does_not_fit_is_refused(name: str, messages: list[str]) -> None:
    assert [detail for detail in messages if name in detail and UNFIT[name][-1] in detail]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_api_elsewhere_is_refused(name: str, messages: list[str]) -> None:
    assert [detail for detail in messages if ELSEWHERE[name][-1] in detail]
