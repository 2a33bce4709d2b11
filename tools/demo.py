"""`make demo`: envs/dev on a local AWS, real WebSocket clients that come and go, and the table that follows them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any

from local.aws import LocalAws, is_disconnect, local_aws

from .clients import ENDINGS, Client, ClientProcess, Watch, open_clients, spread
from .stack import Stack, leftovers
from .terraform import Root, TerraformError

EACH = 5  # clients that end in each way
OUTAGE_SECONDS = 10
TWO_HOURS_AND_MORE_MS = 8_000_000
SILENT_MS = 12 * 60_000  # for longer than the idle time-out: worth a question
A_WHILE_MS = 2 * 60_000  # not silent for long enough


class Demo:
    """Says what happens, and remembers what should have held and did not."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.removal_times: list[float] = []

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def check(self, held: bool, claim: str) -> None:
        self.say(f"  {'ok    ' if held else 'BROKEN'}  {claim}")
        if not held:
            self.broken.append(claim)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a long step, give a sign of life every ten seconds, say how long it took."""
        started, done = time.monotonic(), threading.Event()

        def breathe() -> None:
            while not done.wait(10):
                self.say(f"          … {time.monotonic() - started:.0f} s")

        self.say(f"  {text}")
        threading.Thread(target=breathe, daemon=True).start()
        try:
            yield
        finally:
            done.set()
        self.say(f"          {time.monotonic() - started:.1f} s")


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    demo, started = Demo(), time.monotonic()
    try:
        demo.say("An AWS on this machine")
        with local_aws() as aws:
            demo.say(f"  MiniStack, roles enforced, at {aws.endpoint} ({time.monotonic() - started:.1f} s)")
            run(demo, aws)
    except TerraformError as error:
        demo.say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        demo.say("\nInterrupted: the local AWS, and all that was in it, is gone.")
        return 130
    demo.say(f"  the local AWS is stopped, its files are removed ({time.monotonic() - started:.0f} s in all)")
    for claim in demo.broken:
        demo.say(f"BROKEN: {claim}")
    return 1 if demo.broken else 0


def run(demo: Demo, aws: LocalAws) -> None:
    stack = Stack.on(aws, "dev")
    demo.say("\nTerraform, as it is in the repository")
    apply(demo, stack)
    with Watch(aws, stack.table) as watch:
        demo.say(f"\nClients come and go  ({stack.url})")
        come_and_go(demo, stack, watch)
        demo.say("\nWhen $disconnect is lost, and DynamoDB is away")
        stay_true(demo, stack, watch)
        demo.say("\nWhen nearly everybody is lost at once")
        broadcaster = lose_many(demo, stack, watch)
    demo.say("\nThe end")
    destroy(demo, stack, broadcaster)


def apply(demo: Demo, stack: Stack) -> None:
    with demo.step("init of examples/websocket-api (the platform's stack) and envs/dev"):
        stack.init()
    with demo.step("apply of examples/websocket-api"):
        stack.platform.apply()
    with demo.step("apply of envs/dev (about a minute: the provider waits 25 s for every step of an SQS queue)"):
        stack.env.apply()
    with demo.step("a second plan of envs/dev"):
        plan = stack.env.plan()
    demo.check(not plan, f"the second plan is empty {plan}")


def come_and_go(demo: Demo, stack: Stack, watch: Watch) -> None:
    groups = {how: [f"{how.replace(' ', '-')}-{i}" for i in range(EACH)] for how in (*ENDINGS, "process killed", "closed by the server")}
    names = set(chain(*groups.values()))
    clients = {client.name: client for client in open_clients(stack.url, names - set(groups["process killed"]))}
    with ClientProcess(stack.url, groups["process killed"]) as process:
        demo.check(watch.wait_for(lambda: names <= watch.records.keys(), 10), f"{len(names)} clients are connected, and in the table")
        ids = {name: record["connectionId"]["S"] for name, record in watch.records.items()}

        connections = stack.aws.connections(stack.api_id, stack.name)

        def end(how: str) -> None:
            if how == "process killed":
                os.kill(process.pid, signal.SIGKILL)
            for name in groups[how]:
                if how in ENDINGS:
                    ENDINGS[how](clients[name])
                elif how == "closed by the server":
                    connections.delete_connection(ConnectionId=ids[name])

        for how, group in groups.items():
            ended_at, before = time.monotonic(), len(watch.records)
            end(how)
            gone = watch.wait_until_gone(group)
            times = [watch.gone_at[name] - ended_at for name in group if name in watch.gone_at]
            demo.removal_times += times
            demo.check(gone, f"{len(group)} {how}: {before} -> {len(watch.records)} records, {spread(times) if times else ''}")
    demo.check(not watch.records, f"what is left in the table: {len(watch.records)} records")
    demo.say(f"          removal, from the end of a connection to the table without it: {spread(demo.removal_times)}")
    asked_first = [agents[0] for agents in stack.removers().values()]
    demo.check(asked_first == [""] * len(names), "every one was removed by the fast path: DynamoDB was asked without boto3")
    show_log(demo, stack, [ids[group[0]] for group in groups.values()])


def show_log(demo: Demo, stack: Stack, connection_ids: list[str]) -> None:
    demo.say("  the function's own lines about one of each:")
    shown = ("outcome", "cause", "closeCode", "closeReason", "durationMs", "sourceIp", "userAgent")
    found = {line.get("connectionId"): line for line in stack.log_lines("disconnect")}
    for connection_id in connection_ids:
        line = found.get(connection_id, {})
        demo.say("          " + json.dumps({name: line[name] for name in shown if name in line}))
    demo.check(all(i in found for i in connection_ids), "there is a line about every one of them")


def stay_true(demo: Demo, stack: Stack, watch: Watch) -> None:
    faults, names = stack.aws.faults, [f"unlucky-{i}" for i in range(4 * EACH)]
    with_lost = set(names[: 2 * EACH])
    stays = Client(stack.url, "stays")
    clients = open_clients(stack.url, names)
    watch.wait_for(lambda: len(watch.records) == len(names) + 1, 10)
    ids = {record["connectionId"]["S"]: name for name, record in watch.records.items()}

    def is_lost(request: Any) -> bool:
        return is_disconnect(request) and ids.get(request.json["requestContext"]["connectionId"]) in with_lost

    event = (
        f"for {OUTAGE_SECONDS} s DynamoDB answers every call of a function with InternalServerError, while {len(names)} "
        f"of {len(names) + 1} clients close, and API Gateway loses {len(with_lost)} $disconnect"
    )
    with faults.fail("lambda", "cut", where=is_lost) as lost, demo.step(event):
        with faults.fail("dynamodb", "InternalServerError"):
            back_at = time.monotonic() + OUTAGE_SECONDS
            for client in clients:
                client.close()
            watch.wait_for(lambda: time.monotonic() >= back_at, OUTAGE_SECONDS)
        queued = watch.wait_until_gone(set(names) - with_lost, 60)
    took = max((watch.gone_at[name] for name in set(names) - with_lost if name in watch.gone_at), default=0) - back_at
    demo.check(lost.hits == len(with_lost), f"{lost.hits} $disconnect were lost on the way")
    demo.check(
        queued, f"the other {len(names) - len(with_lost)} went through the retry queue: all gone {took:.1f} s after DynamoDB was back"
    )
    demo.check(
        watch.records.keys() == with_lost | {"stays"}, f"{len(with_lost)} dead connections are still in the table, which can't know yet"
    )

    demo.say("  API Gateway ends every connection after 2 h: their records are now made older than that, and the schedule is run at once,")
    demo.say("  with its own input, instead of waiting for it (it runs every 5 minutes)")
    stack.age([watch.records[name] for name in with_lost], TWO_HOURS_AND_MORE_MS)
    started = time.monotonic()
    stack.sweep()
    removed = watch.wait_until_gone(with_lost)
    demo.check(removed, f"the sweep removed them in {time.monotonic() - started:.1f} s")
    demo.check(watch.records.keys() == {"stays"} and stays.is_open(), "the one client that is still connected is still in the table")
    summary = swept(stack)
    demo.say(f"          {json.dumps({name: summary.get(name) for name in ('outcome', 'active', 'removed', 'durationMs')})}")
    stays.close()
    demo.check(watch.wait_until_gone(["stays"]), "it leaves, and the table is empty")


def lose_many(demo: Demo, stack: Stack, watch: Watch) -> Root:
    """Returns the broadcaster, which it applies."""
    crowd, room = [f"crowd-{i}" for i in range(6 * EACH)], [f"room-{i}" for i in range(EACH)]
    everybody, stays = len(crowd) + len(room), Client(stack.url, "stays")
    with ClientProcess(stack.url, crowd + room) as process, stack.aws.faults.fail("lambda", "cut", where=is_disconnect) as lost:
        watch.wait_for(lambda: len(watch.records) == everybody + 1, 10)
        os.kill(process.pid, signal.SIGKILL)
        watch.wait_for(lambda: lost.hits == everybody, 10)
    demo.check(
        lost.hits == everybody, f"a process that held {everybody} of {len(watch.records)} connections is killed, and no $disconnect arrives"
    )
    stack.age([watch.records[name] for name in [*crowd, "stays"]], SILENT_MS)
    stack.age([watch.records[name] for name in room], A_WHILE_MS)

    demo.say(f"  {len(crowd)} of them, and the one that lives, are made silent for 12 minutes, and the schedule is run at once")
    asked_at = time.monotonic()
    stack.sweep()
    probes = swept(stack).get("probes")
    demo.check(probes == {"alive": 1, "gone": len(crowd)}, f"the sweep asks API Gateway about every one: {json.dumps(probes)}")
    demo.say("  So many 410 may be a mistake, so it asks all of them again half a minute later. In the meantime:")
    broadcaster = report_gone(demo, stack, watch, room)
    healed = watch.wait_until_gone(crowd, 60)
    took = max((watch.gone_at[name] for name in crowd if name in watch.gone_at), default=0) - asked_at
    demo.check(healed, f"the sweep removed the other {len(crowd)}, {took:.1f} s after it began")
    demo.check(watch.records.keys() == {"stays"} and stays.is_open(), "the one client that is still connected is still in the table")
    stays.close()
    watch.wait_until_gone(["stays"])
    return broadcaster


def report_gone(demo: Demo, stack: Stack, watch: Watch, room: list[str]) -> Root:
    broadcaster = stack.broadcaster()
    with demo.step("init and apply of examples/broadcaster, which posts to connections and reports those that are gone"):
        broadcaster.init()
        broadcaster.apply()
    ids, posted_at = [watch.records[name]["connectionId"]["S"] for name in [*room, "stays"]], time.monotonic()
    answer = stack.broadcast(message="hello", connectionIds=ids)
    demo.check(answer == {"sent": 1, "gone": len(room), "failed": 0}, f"it posts to {len(ids)} connections: {json.dumps(answer)}")
    gone = watch.wait_until_gone(room)
    took = spread(watch.gone_at[name] - posted_at for name in room) if gone else "not"
    demo.check(gone, f"what it reported is checked, and removed: {took} after the message")
    return broadcaster


def swept(stack: Stack) -> dict[str, Any]:
    """The last sweep's own line."""
    return next((line for line in reversed(stack.log_lines("cleanup")) if line.get("outcome") == "swept"), {})


def destroy(demo: Demo, stack: Stack, broadcaster: Root) -> None:
    with demo.step("destroy of envs/dev and examples/broadcaster (half a minute: SQS again)"), ThreadPoolExecutor() as pool:
        list(pool.map(Root.destroy, [stack.env, broadcaster]))
    with demo.step("destroy of examples/websocket-api"):
        stack.platform.destroy()
    left = leftovers(stack.aws)
    demo.check(not left, f"nothing is left in the account {', '.join(left)}")


if __name__ == "__main__":
    sys.exit(main())
