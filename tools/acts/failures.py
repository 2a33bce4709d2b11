"""What happens when a `$disconnect` fails, is lost, or finds no free function."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from local.aws import LocalAws, is_disconnect
from tools.clients import Client, ClientProcess, open_clients
from tools.deployment import FUNCTIONS, Watch, until

from .trial import Trial

OUTAGE_S = 10
QUIET_S = 8  # after the last record went: whatever is still there was never reported
STATEMENT = "RemoveRecord"
TRIES = [f"may-be-allowed/{i}" for i in range(20)]
RETRIED_WITHIN_S = 900  # the longest that a message is hidden


@contextmanager
def losing(trial: Trial, ids: set[str] | None = None) -> Iterator[Any]:
    """API Gateway loses the `$disconnect` of these connections, or all: a fault of the local AWS."""
    assert isinstance(trial.on.aws, LocalAws)

    def is_lost(request: Any) -> bool:
        return is_disconnect(request) and (ids is None or request.json["requestContext"]["connectionId"] in ids)

    with trial.on.aws.faults.fail("lambda", "cut", where=is_lost) as lost:
        yield lost


def outage(trial: Trial, leaving: int | None = None, losing_: int | None = None) -> None:
    """DynamoDB is away for the functions while clients leave, and some of their `$disconnect` are lost: on the local AWS."""
    assert isinstance(trial.on.aws, LocalAws)
    names = [f"unlucky-{i}" for i in range(leaving or 4 * trial.each)]
    lost = set(names[: losing_ or len(names) // 2])
    rest = set(names) - lost

    def errors() -> int:
        return trial.on.metric("AWS/Lambda", "Errors", FunctionName=trial.on.function("disconnect"))

    with Watch(trial.on) as watch:
        clients = open_clients(trial.on.url, names)
        watch.wait_until_there(names)
        others, before = watch.records.keys() - set(names), errors()
        left_at = {}
        event = f"for {OUTAGE_S} s DynamoDB fails every call; {len(names)} leave, and API Gateway loses {len(lost)} $disconnect"
        with losing(trial, set(watch.ids(lost).values())) as losses:
            with trial.step(event), trial.on.aws.faults.fail("dynamodb", "InternalServerError"):
                back_at = time.monotonic() + OUTAGE_S
                for client in clients:
                    client.close()
                    left_at[client.name] = time.monotonic()
                watch.wait_for(lambda: time.monotonic() >= back_at, OUTAGE_S)
            # Where even the retry queue can't be reached in time the invocation fails: then it counts as lost.
            kept = until(lambda: len(rest & watch.records.keys()) - errors() + before, lambda number: number <= 0, RETRIED_WITHIN_S)
            until(lambda: trial.on.messages(trial.on.retry_queue), lambda number: number == 0, RETRIED_WITHIN_S)
        after = max((watch.gone_at[name] for name in rest & watch.gone_at.keys()), default=back_at) - back_at
        buried = trial.on.messages(trial.on.dead_letters)
        seen = f"{len(rest & watch.gone_at.keys())} of {len(rest)}, the last {after:.1f} s after DynamoDB was back; {buried} given up"
        trial.saw("queued", kept <= 0 and not buried, seen)
        still = watch.records.keys() - others
        seen = f"{losses.hits} of {len(lost)} lost on the way, {len(still)} still there"
        trial.saw("lost", losses.hits == len(lost) and lost <= still, seen)
    trial.figures["outage"] = sorted(watch.gone_at[name] - left_at[name] for name in rest & watch.gone_at.keys())
    trial.lost["outage"] = sorted(still)


def lose(trial: Trial, why: str, number: int) -> None:
    """A process that holds so many connections is killed, and none of their `$disconnect` arrives: on the local AWS."""
    names = [f"{why.replace(' ', '-')}-{i}" for i in range(number)]
    with Watch(trial.on) as watch, ClientProcess(trial.on.url, names) as process, losing(trial) as losses:
        watch.wait_until_there(names)
        process.kill()
        watch.wait_for(lambda: losses.hits == number, 30)
        still = watch.records.keys() & set(names)
        everybody = len(watch.records)
    seen = f"a process that held {number} of {everybody} is killed, {losses.hits} lost, {len(still)} still there"
    trial.saw("lost", losses.hits == number == len(still), seen)
    trial.lost[why] = names


def deny(trial: Trial) -> None:
    """The permission to remove a record is taken away from both functions, so that the retries fail too, until it is given back."""
    names = [f"not-allowed/{i}" for i in range(2 * trial.each)]
    with Watch(trial.on) as watch:
        with ExitStack() as away, trial.step("the permission to remove a record is taken away, clients leave, and it is given back"):
            for which in FUNCTIONS:
                away.enter_context(trial.on.without_statement(trial.on.role(which), STATEMENT))
            denied = _until_denied(trial, watch)
            clients = open_clients(trial.on.url, names)
            watch.wait_until_there(names)
            ids = set(watch.ids(names).values())
            for client in clients:
                client.close()
            queued = sum(lines[-1]["outcome"] == "queued" for lines in trial.on.lines_about(ids).values())
            waiting = until(lambda: trial.on.messages(trial.on.retry_queue), bool, 30)
        given_back = time.monotonic()
        trial.saw("denied", bool(denied), denied or "it was removed all the same")
        with trial.step("what was queued is retried"):
            gone = watch.wait_until_gone([*names, *TRIES], RETRIED_WITHIN_S)
        buried = trial.on.messages(trial.on.dead_letters)
        seen = f"{queued} of {len(names)} were queued (at once {waiting} messages), {'all' if gone else 'not all'} removed after "
        held = queued == len(names) and gone and not buried
        trial.saw("queued", held, f"{seen}{time.monotonic() - given_back:.0f} s, {buried} messages were given up")


def _until_denied(trial: Trial, watch: Watch) -> str:
    """IAM takes its time: clients leave one by one until one's removal is refused; the error, "" if none was."""
    for attempt, name in enumerate(TRIES, 1):
        client = Client(trial.on.url, name)
        watch.wait_until_there([name])
        connection_id = watch.ids([name])[name]
        client.close()
        [line, *_] = trial.on.lines_about({connection_id}).get(connection_id, [{}])
        if "AccessDenied" in line.get("error", ""):
            return f"{line['outcome']}, AccessDeniedException, at attempt {attempt}"
    return ""


def storm(trial: Trial) -> None:
    """Many leave while one can be served at a time."""
    trial.lost["storm"] = end_at_once(trial, [f"storm/{i}" for i in range(max(20, 4 * trial.each))], 1)


def stop(trial: Trial) -> None:
    """Some leave while none can be served."""
    trial.lost["stop"] = end_at_once(trial, [f"stopped/{i}" for i in range(max(4, 2 * trial.each))], 0)


def end_at_once(trial: Trial, names: list[str], executions: int, seconds: float = 0) -> list[str]:
    """The clients that are still in the table when all have left at once, while so many executions are reserved: after so long, or when
    nothing happens any more."""
    with Watch(trial.on) as watch, ExitStack() as meanwhile:
        clients = open_clients(trial.on.url, names)
        watch.wait_until_there(names)
        meanwhile.enter_context(trial.step(f"{len(names)} clients leave at once, while {executions} can be served at a time"))
        try:
            meanwhile.enter_context(trial.on.reserved("disconnect", executions))
        except ClientError as problem:  # a new account has none to reserve
            trial.say(f"          {problem}")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Client.close, clients))
        if not watch.wait_until_gone(names, seconds):
            _until_quiet(watch)
        return [name for name in names if name in watch.records]


def _until_quiet(watch: Watch) -> None:
    left = -1
    while left != len(watch.records):
        left = len(watch.records)
        watch.wait_for(partial(lambda before: len(watch.records) < before, left), QUIET_S)
