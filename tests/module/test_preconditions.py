"""What a plan refuses after a look at tables, at the provider's account, or at the committed zip: with what is wrong, and the way out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.terraform import Root, TerraformError

from .calls import API, CLONE, REPOSITORY, Call, table

pytestmark = pytest.mark.xdist_group("plans")  # by one provider

KEYS = "connectionId S, clientId S, connectedAt N"
BY_CLIENT, BY_MEMBER = "byClient clientId connectedAt", "byMember member"
# A connections table that is there and does not fit, named after the call, and words of the message.
UNFIT = {
    "other-key": (table("", "id S"), "Its partition key is id"),
    "sort-key": (table("", "connectionId S, at N", sort_key="at"), "its sort key at"),
    "number-key": (table("", "connectionId N"), "connectionId (String)"),
    "no-index": (table("", KEYS), "no global secondary index byClient"),
    "keys-only": (table("", KEYS, indexes=BY_CLIENT).replace('"ALL"', '"KEYS_ONLY"'), "no global secondary index byClient"),
    "text-sort-key": (table("", KEYS.replace("At N", "At S"), indexes=BY_CLIENT), "no global secondary index byClient"),
}
# Likewise a related table, with more inputs.
UNFIT_RELATED = {
    "not-by-connection": ("", table("", "room S"), "is room, not connectionId"),
    "missing-index": ('index = "byPerson"', table("", "room S", indexes=BY_MEMBER), "no global secondary index byPerson"),
    "index-on-other": ('index = "byMember"', table("", "room S", indexes=BY_MEMBER), "It has: byMember (member)"),
    "number-attribute": ("", table("", "connectionId N"), "must be a key of type String"),
}
THEIRS = 'create = false\nclient_index = "byClient"'
ELSEWHERE = API.replace("111122223333", "444455556666")
FUNCTION = 'name = "chat"\ndescription = "Removes records"\nhandler = "disconnect.lambda_handler"\ntimeout = 10\n'
STALE = "Run `make package` and commit dist/"


def existing(module: str, name: str, inputs: str, found: str) -> Call:
    place = f"data.aws_dynamodb_table.this{'[0]' if module == 'connections-table' else ''}"
    return Call(f'name = "{name}"\n{inputs}', f"{CLONE}/modules/{module}", {place: found}, required=False)


def copied(folder: Path) -> Path:
    """A copy of what a consumer downloads, to change."""
    for part in ("modules", "function", "dist"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
    return folder


@pytest.fixture(scope="module")
def messages(consumer: Callable[..., Root], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The errors about all of them, each with the file that it comes from."""
    copies = {name: copied(tmp_path_factory.mktemp("copies") / name) for name in ("changed", "added", "replaced", "own")}
    with (copies["changed"] / "function/disconnect.py").open("a") as source:
        source.write("# changed\n")
    for name in ("added", "own"):
        (copies[name] / "function/new.py").write_text("")
    with (copies["replaced"] / "dist/function.zip").open("ab") as archive:
        archive.write(b"\0")
    package = {"own": 'package = { s3 = { bucket = "packages", key = "disconnect.zip" } }'}
    calls = {name: existing("connections-table", name, THEIRS, found) for name, (found, _) in UNFIT.items()}
    calls |= {name: existing("related-table", name, inputs, found) for name, (inputs, found, _) in UNFIT_RELATED.items()}
    for name, folder in copies.items():
        calls[name] = Call(FUNCTION + package.get(name, ""), f"{folder}//modules/lambda-function", required=False)
    account = {"data.aws_caller_identity.provider": '{ account_id = "111122223333" }'}
    account |= {"data.aws_region.provider": '{ endpoint = "ec2.eu-central-1.amazonaws.com" }'}
    inputs = f'execution_arn = "{ELSEWHERE}"\nnames = {{ prefix = "chat" }}'
    calls["account"] = Call(inputs, f"{CLONE}/modules/place", account, required=False)
    test = 'mock_provider "aws" {}\n' + "".join(call.overrides(name) for name, call in calls.items()) + 'run "all" {\n  command = plan\n}\n'
    with pytest.raises(TerraformError) as error:
        consumer(calls, test=test).run("test", "-json")
    found = [json.loads(line) for line in str(error.value).splitlines() if line.startswith("{")]
    diagnostics = [message["diagnostic"] for message in found if message["type"] == "diagnostic"]
    return [f"{diagnostic['range']['filename']}: {diagnostic['detail']}" for diagnostic in diagnostics]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, words) for name, (*_, words) in [*UNFIT.items(), *UNFIT_RELATED.items()]),
        ("444455556666", "The WebSocket API is in account 444455556666, but the module's provider is in 111122223333"),
        *((f"/{name}/modules/lambda-function/main.tf", STALE) for name in ("changed", "added", "replaced")),
    ],
)
def test_what_does_not_fit_is_refused(name: str, words: str, messages: list[str]) -> None:
    assert [message for message in messages if name in message and words in message]


def test_an_own_package_answers_for_itself(messages: list[str]) -> None:
    assert [message for message in messages if "/own/" in message and STALE in message] == []
