"""What takes hours: idle time-out, 2 h limit, a pulled cable, TTL, a sweep that does not run. They are tested side by side."""

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

from websockets.exceptions import ConnectionClosed

from tools.clients import Client
from tools.deployment import Watch, until

from . import cloudwatch
from .claims import LONG_ONLY
from .trial import Trial

IDLE_S, LIFETIME_S = 600, 7_200  # API Gateway's quotas
LATE_S = 300  # how much later still counts
STILL_HERE_S = 240
STILL_HERE = '{"action": "still here"}'  # answered with an error, as no route has this key, but it is traffic
NAMES = ("idle", "two hours", "half-open")


def no_time(trial: Trial) -> None:
    for name in (*NAMES, "ttl", "missing data"):
        trial.missed(name, LONG_ONLY)


def take_hours(trial: Trial) -> None:
    with ExitStack() as until_the_end:
        with Watch(trial.on) as watch:
            clients = {client.name: client for client in watch.connect(NAMES)}
            ids = watch.ids(NAMES)
        began, kept = time.time(), _put_expired(trial)
        over = threading.Event()
        until_the_end.callback(over.set)
        threading.Thread(target=_stay, args=[clients["two hours"], over], daemon=True).start()
        pulled = until_the_end.enter_context(pulled_cable(clients["half-open"]))
        looked = trial.on.ask("get_connection", ids["half-open"]) if pulled else 0

        cloudwatch.missing_data(trial)
        line = _line(trial, "idle", ids, began + IDLE_S + LATE_S)
        held = [line.get(name) for name in ("cause", "closeCode", "closeReason")] == ["idle_timeout", 1001, "Going away"]
        trial.saw("idle", held, _seen(line))
        if pulled:
            line = _line(trial, "half-open", ids, began + IDLE_S + LATE_S)
            trial.saw("half-open", looked == 200 and bool(line), f"GET @connections answered {looked}; {_seen(line)}")
        else:
            trial.missed("half-open", "dropping packets takes root and iptables")
        line = _line(trial, "two hours", ids, began + LIFETIME_S + LATE_S)
        trial.saw("two hours", line.get("cause") == "expired", _seen(line))
        wait_s = began + LIFETIME_S + LATE_S - time.time()
        gone = until(lambda: "Item" not in trial.on.aws.client("dynamodb").get_item(**kept), bool, wait_s, 30)
        after = f"{time.time() - began:.0f} s after it was put with an expiry in the past"
        if gone:
            trial.saw("ttl", True, f"gone {after}")
        else:
            trial.missed("ttl", f"still there {after}; AWS promises a few days")


def _line(trial: Trial, name: str, ids: dict[str, str], deadline: float) -> dict[str, Any]:
    """The line about a connection; {} if none came by the deadline (epoch s)."""
    with trial.step(f"waiting for the end of: {name}"):
        found = trial.on.lines_about({ids[name]}, trial.patience(name, deadline - time.time()))
    return next(iter(found.get(ids[name], [])), {})


def _seen(line: dict[str, Any]) -> str:
    if not line:
        return "no line came"
    return f"{line.get('closeCode')} {line.get('closeReason', '')} after {line.get('durationMs', 0) / 1000:.0f} s: {line['cause']}"


def _stay(client: Client, over: threading.Event) -> None:
    with suppress(ConnectionClosed):
        while not over.wait(STILL_HERE_S):
            client.socket.send(STILL_HERE)


def _put_expired(trial: Trial) -> dict[str, Any]:
    """Put an expired item into the history, which no sweep reads. Returns its table and key."""
    table, key = trial.on.outputs["history_table"]["name"], {"connectionId": {"S": uuid.uuid4().hex}}
    item = {**key, "endedAt": {"N": "0"}, "expiresAt": {"N": str(int(time.time()) - 3600)}}
    trial.on.aws.client("dynamodb").put_item(TableName=table, Item=item)
    return {"TableName": table, "Key": key}


@contextmanager
def pulled_cable(client: Client) -> Iterator[bool]:
    """Drop every packet of one client's connection. Yields whether this machine can."""
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
