"""What takes hours: the idle time-out, the 2 h limit, a pulled cable, TTL, a sweep that stays away. They pass side by side."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed

from tools.clients import Client, open_clients
from tools.deployment import until

from . import cloudwatch
from .claims import LONG_ONLY
from .trial import Trial

IDLE_S, LIFETIME_S = 600, 7_200  # API Gateway's quotas
LATE_S = 300  # how much later than that is still called so
STILL_HERE_S = 240
STILL_HERE = '{"action": "still here"}'  # no route has this key: it is answered with an error, and is traffic all the same
NAMES = ("idle", "two hours", "half-open")


def no_time(trial: Trial) -> None:
    for name in (*NAMES, "ttl", "missing data"):
        trial.missed(name, LONG_ONLY)


def take_hours(trial: Trial) -> None:
    with ExitStack() as until_the_end:
        clients = dict(zip(NAMES, open_clients(trial.on.url, [f"{name.replace(' ', '-')}/1" for name in NAMES]), strict=True))
        by_client = {record["clientId"]["S"]: record["connectionId"]["S"] for record in trial.on.records()}
        ids = {name: by_client[client.name] for name, client in clients.items()}
        began, kept = time.time(), _put_expired(trial)
        over = threading.Event()
        until_the_end.callback(over.set)
        threading.Thread(target=_stay, args=[clients["two hours"], over], daemon=True).start()
        pulled = until_the_end.enter_context(pulled_cable(clients["half-open"]))
        looked = _status(trial, ids["half-open"]) if pulled else 0

        cloudwatch.missing_data(trial)
        line = _line(trial, "idle", ids, began + IDLE_S + LATE_S)
        trial.saw(
            "idle", (line.get("cause"), line.get("closeCode"), line.get("closeReason")) == ("idle_timeout", 1001, "Going away"), _seen(line)
        )
        if pulled:
            line = _line(trial, "half-open", ids, began + IDLE_S + LATE_S)
            trial.saw("half-open", looked == 200 and bool(line), f"GET @connections answered {looked}; {_seen(line)}")
        else:
            trial.missed("half-open", "this machine lets nobody drop packets: it takes root and iptables")
        line = _line(trial, "two hours", ids, began + LIFETIME_S + LATE_S)
        trial.saw("two hours", line.get("cause") == "expired", _seen(line))
        gone = until(lambda: not _item(trial, kept), bool, began + LIFETIME_S + LATE_S - time.time(), 30)
        after = f"{time.time() - began:.0f} s after it was put with an expiry in the past"
        if gone:
            trial.saw("ttl", True, f"gone {after}")
        else:
            trial.missed("ttl", f"still there {after}; AWS promises a few days")


def _line(trial: Trial, name: str, ids: dict[str, str], deadline: float) -> dict[str, Any]:
    """The line about a connection; {} when none came by then (epoch s)."""
    with trial.step(f"waiting for what becomes of: {name}"):
        found = trial.on.lines_about({ids[name]}, trial.patience(name, deadline - time.time()))
    return next(iter(found.get(ids[name], [])), {})


def _seen(line: dict[str, Any]) -> str:
    if not line:
        return "no line came"
    return f"{line.get('closeCode')} {line.get('closeReason', '')} after {line.get('durationMs', 0) / 1000:.0f} s: {line['cause']}"


def _status(trial: Trial, connection_id: str) -> int:
    try:
        answer = trial.on.connections.get_connection(ConnectionId=connection_id)
    except ClientError as problem:
        answer = problem.response
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _stay(client: Client, over: threading.Event) -> None:
    with suppress(ConnectionClosed):
        while not over.wait(STILL_HERE_S):
            client.socket.send(STILL_HERE)


def _put_expired(trial: Trial) -> dict[str, Any]:
    """Into the history, where no sweep looks; the item's key."""
    key = {"connectionId": {"S": uuid.uuid4().hex}}
    item = {**key, "endedAt": {"N": "0"}, "expiresAt": {"N": str(int(time.time()) - 3600)}}
    trial.on.aws.client("dynamodb").put_item(TableName=trial.on.outputs["history_table"]["name"], Item=item)
    return key


def _item(trial: Trial, key: dict[str, Any]) -> Any:
    return trial.on.aws.client("dynamodb").get_item(TableName=trial.on.outputs["history_table"]["name"], Key=key).get("Item")


@contextmanager
def pulled_cable(client: Client) -> Iterator[bool]:
    """Drops every packet of one client's connection; whether this machine can."""
    local = client.socket.socket
    tables = "ip6tables" if local.family == socket.AF_INET6 else "iptables"
    port = str(local.getsockname()[1])
    rules = [["OUTPUT", "-p", "tcp", "--sport", port, "-j", "DROP"], ["INPUT", "-p", "tcp", "--dport", port, "-j", "DROP"]]
    made = [rule for rule in rules if shutil.which(tables) and not subprocess.run([tables, "-I", *rule], capture_output=True).returncode]
    try:
        yield made == rules
    finally:
        for rule in made:
            subprocess.run([tables, "-D", *rule], capture_output=True, check=False)
