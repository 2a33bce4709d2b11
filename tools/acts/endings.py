"""Connections end in every way: delivery, delay, codes and reasons, history, and the answers of `@connections`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from tools.clients import ENDINGS, ClientProcess, spread
from tools.deployment import Line, Watch
from tools.stack import removers

from .trial import Trial

KILLED, BY_SERVER = "process killed", "closed by the server"
EXPECTED: dict[str, tuple[int, str, str]] = {  # how it ends -> the code, the reason's beginning, the cause
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
POSTED_TO = 10  # of those that have ended


def first_client(trial: Trial) -> None:
    """A stage is deployed some time after an apply: clients come and go until the first record is removed."""
    tries, started, gone = 0, time.monotonic(), False
    with Watch(trial.on) as watch, trial.step("a first client connects and leaves"):
        while not gone and time.monotonic() < started + SERVED_WITHIN_S:
            tries += 1
            [client] = watch.connect([f"first/{tries}"])
            client.close()
            gone = watch.wait_until_gone([client.name], 15)
    trial.saw("served", gone, f"at attempt {tries}, {time.monotonic() - started:.0f} s after the apply")
    trial.on.delete_records()


def end_in_every_way(trial: Trial) -> None:
    """End `each` connections in each way."""
    groups = {how: [f"{how.replace(' ', '-')}/{i}" for i in range(trial.each)] for how in EXPECTED}
    names = [name for group in groups.values() for name in group]
    delays = {}
    with Watch(trial.on) as watch, ClientProcess(trial.on.url, groups[KILLED]) as process:
        clients = {client.name: client for client in watch.connect(set(names) - set(groups[KILLED]))}
        watch.wait_until_there(names)
        records = [watch.records[name] for name in names if name in watch.records]
        ids = watch.ids(names)
        for how, group in groups.items():
            ended_at = time.monotonic()
            if how == KILLED:
                process.kill()
            for name in group:
                if how in ENDINGS:
                    ENDINGS[how](clients[name])
                elif how == BY_SERVER:
                    trial.on.connections.delete_connection(ConnectionId=ids[name])
            watch.wait_until_gone(group)
            delays[how] = [watch.gone_at[name] - ended_at for name in group if name in watch.gone_at]
    about = trial.on.lines_about(set(ids.values()))
    trial.ended = {how: [ids[name] for name in group if name in ids] for how, group in groups.items()}
    for how, group in groups.items():
        _ending(trial, how, len(group), [line for i in trial.ended[how] for line in about.get(i, [])], delays[how])
    _delivery(trial, len(names), about, [delay for group in delays.values() for delay in group])
    _event(trial, about, records)
    if trial.on.outputs.get("history_table"):
        kept = {item["connectionId"]["S"]: item["cause"]["S"] for item in trial.on.items(trial.on.outputs["history_table"]["name"])}
        same = sum(kept.get(connection_id) == lines[0]["cause"] for connection_id, lines in about.items())
        trial.saw("history", bool(about) and same == len(about), f"{same} of {len(about)} with the same cause")
    if asked := removers(trial.on):
        fast = sum(asked.get(i, ["?"])[0] == "" for i in ids.values())
        trial.saw("fast path", fast == len(names), f"for {fast} of {len(names)}")


def _ending(trial: Trial, how: str, connections: int, lines: list[Line], delays: list[float]) -> None:
    codes = Counter(f"{line.get('closeCode')} {line.get('closeReason', '')}".strip() for line in lines)
    causes = Counter(line["cause"] for line in lines)
    reported = len({line["connectionId"] for line in lines})
    code, reason, cause = EXPECTED[how]
    as_said = [(line.get("closeCode"), line["cause"]) == (code, cause) and line.get("closeReason", "").startswith(reason) for line in lines]
    held = reported == connections == len(delays) and all(as_said)
    seen = f"{counted(codes) or 'no line'}: {counted(causes)}; {len(delays)} of {connections} gone after {spread(delays)}"
    trial.saw(how, held, seen)


def _delivery(trial: Trial, connections: int, about: dict[str, list[Line]], delays: list[float]) -> None:
    repeated = sum(len(lines) > 1 for lines in about.values())
    seen = f"{len(about)} of {connections} were reported, {repeated} of them more than once; the record was gone after {spread(delays)}"
    trial.saw("delivery", len(about) == connections and not repeated, seen)


def _event(trial: Trial, about: dict[str, list[Line]], records: Iterable[dict[str, Any]]) -> None:
    began = {record["connectionId"]["S"]: int(record["connectedAt"]["N"]) for record in records}
    lines = [line for lines in about.values() for line in lines]
    same = sum(line.get("connectedAt") == began[line["connectionId"]] for line in lines)
    whole = sum(all(line.get(name) for name in ("apiId", "stage", "gatewayRequestId", "durationMs")) for line in lines)
    seen = f"{same} of {len(lines)} lines with the record's time, {whole} with all of the rest"
    trial.saw("event", bool(lines) and same == whole == len(lines), seen)


def post_to_all(trial: Trial) -> None:
    """Post to ended and to living connections, and get each."""
    ended = [connection_id for ids in trial.ended.values() for connection_id in ids][:POSTED_TO]
    names, heard = ["alive/1", "alive/2"], 0
    answers = Counter[str]()
    with Watch(trial.on) as watch:
        alive = watch.connect(names)
        for kind, ids in (("ended", ended), ("living", watch.ids(names).values())):
            for connection_id in ids:
                answers[f"{kind}: {trial.on.ask('post_to_connection', connection_id, Data=b'news')}"] += 1
                answers[f"{kind}: {trial.on.ask('get_connection', connection_id)}"] += 1
        for client in alive:
            with suppress(TimeoutError):
                heard += client.socket.recv(timeout=10) in ("news", b"news")
            client.close()
        watch.wait_until_gone(names)
    held = answers.keys() == {"ended: 410", "living: 200"} and heard == len(alive)
    trial.saw("gone", held, f"{counted(answers)}; {heard} of {len(alive)} living clients received the message")


def counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
