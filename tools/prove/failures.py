"""What happens when a `$disconnect` fails, or finds no free function."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from botocore.exceptions import ClientError

from tools.clients import Client, Watch, open_clients

from . import changes
from .proof import Proof, until

QUIET_S = 8  # after the last record went: whatever is still there was not told
STATEMENT = "RemoveRecord"
TRIES = [f"may-be-allowed/{i}" for i in range(20)]
RETRIED_WITHIN_S = 900  # the longest that a message is hidden


def take_the_permission_away(proof: Proof) -> None:
    """From both functions, so that the retries fail too until it is given back."""
    names = [f"not-allowed/{i}" for i in range(2 * proof.clients)]
    with Watch(proof.account, proof.table) as watch:
        with ExitStack() as away, proof.step("the permission to remove a record is taken away, clients leave, and it is given back"):
            for which in ("disconnect", "cleanup"):
                away.enter_context(changes.without_statement(proof, which, STATEMENT))
            denied = _until_denied(proof, watch)
            clients = open_clients(proof.run.url, names)
            watch.wait_until_there(names)
            ids = {watch.records[name]["connectionId"]["S"] for name in names if name in watch.records}
            for client in clients:
                client.close()
            queued = sum(lines[-1]["outcome"] == "queued" for lines in proof.lines_about(ids).values())
            waiting = until(lambda: proof.messages("url"), bool, 30)
        given_back = time.monotonic()
        proof.saw("denied", bool(denied), denied or "it was removed all the same")
        with proof.step("what was queued is retried"):
            gone = watch.wait_until_gone([*names, *TRIES], RETRIED_WITHIN_S)
        buried = proof.messages("dead_letter_url")
        seen = f"{queued} of {len(names)} were queued (at once {waiting} messages), {'all' if gone else 'not all'} removed after "
        held = queued == len(names) and gone and not buried
        proof.saw("queued", held, f"{seen}{time.monotonic() - given_back:.0f} s, {buried} messages were given up")


def _until_denied(proof: Proof, watch: Watch) -> str:
    """IAM takes its time: clients leave one by one until one's removal is refused; the error, "" if none was."""
    for name in TRIES:
        client = Client(proof.run.url, name)
        watch.wait_until_there([name])
        connection_id = watch.records[name]["connectionId"]["S"]
        client.close()
        [line, *_] = proof.lines_about({connection_id}).get(connection_id, [{}])
        if "AccessDenied" in line.get("error", ""):
            return f"{line['outcome']}, AccessDeniedException, at attempt {TRIES.index(name) + 1}"
    return ""


def storm(proof: Proof) -> list[str]:
    """Many leave while one can be served at a time; the clients whose records stayed."""
    return _end_at_once(proof, [f"storm/{i}" for i in range(max(20, 4 * proof.clients))], 1)


def stop(proof: Proof) -> list[str]:
    """Some leave while none can be served; the clients whose records stayed."""
    return _end_at_once(proof, [f"stopped/{i}" for i in range(max(4, 2 * proof.clients))], 0)


def _end_at_once(proof: Proof, names: list[str], executions: int) -> list[str]:
    """The clients that are still in the table when all have left at once, while so many executions are reserved."""
    with Watch(proof.account, proof.table) as watch, ExitStack() as meanwhile:
        clients = open_clients(proof.run.url, names)
        watch.wait_until_there(names)
        meanwhile.enter_context(proof.step(f"{len(names)} clients leave at once, while {executions} can be served at a time"))
        try:
            meanwhile.enter_context(changes.reserved(proof, "disconnect", executions))
        except ClientError as problem:  # a new account has none to reserve
            proof.say(f"          {problem}")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Client.close, clients))
        _until_quiet(watch)
        return [name for name in names if name in watch.records]


def _until_quiet(watch: Watch) -> None:
    left = -1
    while left != len(watch.records):
        left = len(watch.records)
        watch.wait_for(partial(lambda before: len(watch.records) < before, left), QUIET_S)
