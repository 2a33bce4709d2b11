"""Connections end in every way; what becomes of each: delivery, delay, codes and reasons, history, and what a broadcast is told."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from tools.clients import ENDINGS, Client, ClientProcess, Watch, open_clients, spread

from .proof import Line, Proof
from .report import counted

KILLED, BY_SERVER = "process killed", "closed by the server"
TOLD: dict[str, tuple[int, str, str]] = {  # how it ends -> the code, the reason's beginning, the cause
    "closed with code 1000": (1000, "", "client_closed"),
    "closed with code 4001": (4001, "", "client_closed"),
    "closed without a code": (1005, "", "client_closed"),
    "navigated away": (1001, "", "navigated_away"),
    "message too big": (1009, "", "message_too_big"),
    "line cut": (1006, "", "abnormal"),
    KILLED: (1006, "", "abnormal"),
    BY_SERVER: (1000, "Connection Closed Normally", "closed_by_server"),
}
SERVED_WITHIN_S = 120
TOLD_TO = 10  # of those that have ended


def first_client(proof: Proof) -> None:
    """A stage deploys by itself, in its own time: until the first client's record goes, nothing about delivery is learnt."""
    tries, started, gone = 0, time.monotonic(), False
    with Watch(proof.account, proof.table) as watch, proof.step("a first client comes and goes"):
        while not gone and time.monotonic() < started + SERVED_WITHIN_S:
            tries += 1
            name = f"first/{tries}"
            client = Client(proof.run.url, name)
            watch.wait_until_there([name], 30)
            client.close()
            gone = watch.wait_until_gone([name], 15)
    proof.saw("served", gone, f"at attempt {tries}, {time.monotonic() - started:.0f} s after the apply")
    for connection_id in proof.records():
        proof.client("dynamodb").delete_item(TableName=proof.table, Key={"connectionId": {"S": connection_id}})


def end_in_every_way(proof: Proof) -> list[str]:
    """Ends `clients` connections in each way; their ids."""
    groups = {how: [f"{how.replace(' ', '-')}/{i}" for i in range(proof.clients)] for how in TOLD}
    names = [name for group in groups.values() for name in group]
    delays = {}
    with Watch(proof.account, proof.table) as watch:
        clients = {client.name: client for client in open_clients(proof.run.url, set(names) - set(groups[KILLED]))}
        with ClientProcess(proof.run.url, groups[KILLED]) as process:
            watch.wait_until_there(names)
            records = {name: watch.records[name] for name in names if name in watch.records}
            ids = {name: str(record["connectionId"]["S"]) for name, record in records.items()}
            for how, group in groups.items():
                ended_at = time.monotonic()
                if how == KILLED:
                    os.kill(process.pid, signal.SIGKILL)
                for name in group:
                    if how in ENDINGS:
                        ENDINGS[how](clients[name])
                    elif how == BY_SERVER:
                        proof.account.connections(proof.run.url).delete_connection(ConnectionId=ids[name])
                watch.wait_until_gone(group, 60)
                delays[how] = [watch.gone_at[name] - ended_at for name in group if name in watch.gone_at]
    about = proof.lines_about(set(ids.values()))
    for how, group in groups.items():
        _ending(proof, how, len(group), [line for name in group for line in about.get(ids.get(name, ""), [])], delays[how])
    _delivery(proof, len(names), about, [delay for group in delays.values() for delay in group])
    _event(proof, about, records.values())
    _history(proof, about)
    return list(ids.values())


def _ending(proof: Proof, how: str, connections: int, told: list[Line], delays: list[float]) -> None:
    """Codes, reasons and causes of one way to end."""
    codes = Counter(f"{line.get('closeCode')} {line.get('closeReason', '')}".strip() for line in told)
    causes = Counter(line["cause"] for line in told)
    delay = spread(delays) if delays else "never"
    proof.figures.setdefault("endings", {})[how] = {
        "connections": connections,
        "told": len({line["connectionId"] for line in told}),
        "gone after": delay,
        "codes and reasons": dict(codes),
        "causes": dict(causes),
    }
    code, reason, cause = TOLD[how]
    as_said = [(line.get("closeCode"), line["cause"]) == (code, cause) and line.get("closeReason", "").startswith(reason) for line in told]
    proof.saw(how, bool(told) and all(as_said), f"{counted(codes) or 'no line'}: {counted(causes)}; gone after {delay}")


def _delivery(proof: Proof, connections: int, about: dict[str, list[Line]], delays: list[float]) -> None:
    repeated = sum(len(lines) > 1 for lines in about.values())
    delay = spread(delays) if delays else "never"
    proof.figures["delivery"] = {"connections": connections, "told": len(about), "more than once": repeated, "gone after": delay}
    seen = f"{len(about)} of {connections} were told, {repeated} of them more than once; the record gone after {delay}"
    proof.saw("delivery", len(about) == connections and not repeated, seen)


def _event(proof: Proof, about: dict[str, list[Line]], records: Iterable[dict[str, Any]]) -> None:
    began = {record["connectionId"]["S"]: int(record["connectedAt"]["N"]) for record in records}
    lines = [line for lines in about.values() for line in lines]
    same = sum(line.get("connectedAt") == began[line["connectionId"]] for line in lines)
    whole = sum(all(line.get(name) for name in ("apiId", "stage", "gatewayRequestId", "durationMs")) for line in lines)
    seen = f"{same} of {len(lines)} lines with the record's time, {whole} with all of the rest"
    proof.saw("event", bool(lines) and same == whole == len(lines), seen)


def _history(proof: Proof, about: dict[str, list[Line]]) -> None:
    kept = {item["connectionId"]["S"]: item["cause"]["S"] for item in proof.items(proof.run.outputs["history_table"]["name"])}
    same = sum(kept.get(connection_id) == lines[0]["cause"] for connection_id, lines in about.items())
    proof.saw("history", bool(about) and same == len(about), f"{same} of {len(about)} with the same cause")


def broadcast(proof: Proof, ended: list[str]) -> None:
    """To the dead and the living."""
    names, heard = ["alive/1", "alive/2"], 0
    with Watch(proof.account, proof.table) as watch:
        alive = open_clients(proof.run.url, names)
        watch.wait_until_there(names)
        living = [record["connectionId"]["S"] for name, record in watch.records.items() if name in names]
        answers = Counter(f"ended: {status}" for connection_id in ended[:TOLD_TO] for status in _tell(proof, connection_id))
        answers += Counter(f"living: {status}" for connection_id in living for status in _tell(proof, connection_id))
        for client in alive:
            with suppress(TimeoutError):
                heard += client.socket.recv(timeout=10) in ("news", b"news")
            client.close()
        watch.wait_until_gone(names)
    held = answers.keys() == {"ended: 410", "living: 200"} and heard == len(alive)
    proof.saw("gone", held, f"{counted(answers)}; {heard} of {len(alive)} living clients had the message")


def _tell(proof: Proof, connection_id: str) -> list[int]:
    """The statuses that POST and GET answer."""
    connections, statuses = proof.account.connections(proof.run.url), []
    for ask, arguments in ((connections.post_to_connection, {"Data": b"news"}), (connections.get_connection, {})):
        try:
            answer = ask(ConnectionId=connection_id, **arguments)
        except ClientError as problem:
            answer = problem.response
        statuses.append(int(answer["ResponseMetadata"]["HTTPStatusCode"]))
    return statuses
