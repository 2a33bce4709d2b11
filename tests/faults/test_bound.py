"""How long a dead connection's record may stay when many were lost at once: the README's formula, held on a simulated clock.

The functions' own sweep runs over a table in memory and an `@connections` that answers by the clock; only waiting moves the clock, and what
the network and DynamoDB take, which is given below. The schedule comes every five minutes and the queue when a message is due.
"""

from __future__ import annotations

import bisect
import heapq
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import sweep as sweep_
from botocore.exceptions import ClientError
from closing import Closer
from settings import Settings
from sweep import Sweep
from sweep_part import Part

from tests.faults.clock import Clock, InLine, simulated_time
from tests.faults.world import EXPIRED_AFTER_S, PROBE, SUSPECT_AFTER_S, SWEEP_EVERY_S
from tests.unit.support import API, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


MOST = 300
TIME_S = 105  # that an invocation of 120 s works
SCAN_S, DELETE_S = 0.05, 0.002  # what a page and a removal take; questions are under way beside each other
OURS = {"apiId": {"S": "api1"}, "stage": {"S": "live"}}


def bound_s(dead: int, silent: int, most: int = MOST) -> float:
    """As docs/sweep.md has it."""
    return SUSPECT_AFTER_S + SWEEP_EVERY_S + 60 + 1.5 * (silent + 3 * dead) / most + dead / 200


@dataclass
class World:
    """One client that is DynamoDB, SQS and `@connections` in turn."""

    clock: Clock
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # as the last reading of the table began
    dead: set[str] = field(default_factory=set)
    asked_at: list[float] = field(default_factory=list)
    queue: list[tuple[float, int, str]] = field(default_factory=list)  # due, number, body
    removed_live: int = 0
    removed_at: float = 0.0  # the last of the dead
    throttle_one_in: int = 10**9

    class exceptions:
        class ConditionalCheckFailedException(Exception):
            pass

    def __call__(self, service: str, attempts: int | None = None) -> World:
        return self

    def scan(self, **request: Any) -> dict[str, Any]:
        self.clock.sleep(SCAN_S)
        start = request.get("ExclusiveStartKey", {}).get("connectionId", {}).get("S", "")
        if not start:
            self.names = sorted(self.records)  # as good as any order
        first = bisect.bisect(self.names, start)
        page = self.names[first : first + request["Limit"]]
        last = {"LastEvaluatedKey": {"connectionId": {"S": page[-1]}}} if first + len(page) < len(self.names) else {}
        return {"Items": [self.records[name] for name in page if name in self.records], **last}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        names = [key["connectionId"]["S"] for key in RequestItems[TABLE]["Keys"]]
        return {"Responses": {TABLE: [self.records[name] for name in names if name in self.records]}}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        self.clock.sleep(DELETE_S)
        name = request["Key"]["connectionId"]["S"]
        self.removed_live += name in self.records and name not in self.dead
        self.removed_at = self.clock.now
        return {"Attributes": self.records.pop(name, {})}

    def get_connection(self, ConnectionId: str) -> None:
        self.asked_at.append(self.clock.now)
        status = 429 if len(self.asked_at) % self.throttle_one_in == 0 else 410
        if status == 429 or ConnectionId in self.dead:
            raise ClientError({"ResponseMetadata": {"HTTPStatusCode": status}}, "GetConnection")

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> None:
        heapq.heappush(self.queue, (self.clock.now + DelaySeconds, len(self.asked_at), MessageBody))

    def lose(self, dead: int, silent: int) -> None:
        """So many connections begin and end without an event, beside others that are as silent."""
        self.dead = {f"dead{number}" for number in range(dead)}
        times = {"connectedAt": {"N": str(int(self.clock.now * 1000))}}
        for name in (*self.dead, *(f"live{number}" for number in range(silent))):
            self.records[name] = {"connectionId": {"S": name}, **times, **OURS}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(sweep_, "ThreadPoolExecutor", InLine)
    monkeypatch.setenv("CONNECTIONS_TABLE", TABLE)
    clock = Clock()
    with simulated_time(clock):
        yield World(clock)


def run_until_true(world: World, begin_s: float = SUSPECT_AFTER_S - 1, **environment: str) -> None:
    """The schedule, which comes just before the dead are suspect and every five minutes, and what it leaves to the queue."""
    settings = Settings({"CONNECTIONS_TABLE": TABLE, "RETRY_QUEUE_URL": "retry", **PROBE, **API, **environment})
    clients: Any = world
    sweeper = Sweep(settings, clients, Closer(settings, clients))
    tick = world.clock.now + begin_s
    while world.dead & world.records.keys():
        if world.queue and world.queue[0][0] <= tick:
            due, _, body = heapq.heappop(world.queue)
            part = json.loads(body)["sweep"]
        else:
            due, part, tick = tick, {"period_s": SWEEP_EVERY_S}, tick + SWEEP_EVERY_S
        world.clock.now = max(world.clock.now, due)
        sweeper.run(Part.parse(part), world.clock.now + TIME_S)


@pytest.mark.parametrize(
    ("dead", "silent", "most"),
    [(1, 200, 300), (19, 200, 300), (1_000, 5_000, 300), (20_000, 200, 300), (1, 500, 10), (1_000, 500, 10), (3_000, 1_000, 50)],
)
def test_after_a_mass_loss_the_table_is_true_within_the_bound(dead: int, silent: int, most: int, world: World) -> None:
    began = world.clock.now
    world.lose(dead, silent)
    world.throttle_one_in = 4_999
    run_until_true(world, MOST_PROBES_PER_SECOND=str(most))
    assert (world.removed_live, len(world.records)) == (0, silent)
    assert bound_s(dead, silent, most) / 2 <= world.removed_at - began <= bound_s(dead, silent, most)
    assert max(Counter(int(moment) for moment in world.asked_at).values()) <= most + 1


def test_a_sample_of_a_large_table_finds_a_dead_connection(world: World) -> None:
    """At 3 a second one sweep asks about 315 of 1,575 silent ones: about the dead one after five sweeps on average."""
    random.seed(11)
    sweeps = []
    for _ in range(20):
        began = world.clock.now
        world.lose(1, 1_574)
        run_until_true(world, PROBES_PER_SECOND="3", MOST_PROBES_PER_SECOND="3")
        sweeps.append((world.removed_at - began - SUSPECT_AFTER_S) / SWEEP_EVERY_S)
        world.records.clear()
    assert 3 <= sum(sweeps) / len(sweeps) <= 7
    assert sorted(sweeps)[18] <= 15  # 95 % of them within three times the average
    assert world.removed_live == 0


def test_many_expired_records_go_before_the_next_sweep(world: World) -> None:
    world.lose(100_000, 0)
    world.clock.sleep(EXPIRED_AFTER_S)
    began = world.clock.now
    run_until_true(world, begin_s=0, PROBES_PER_SECOND="", MOST_PROBES_PER_SECOND="")
    assert world.removed_at - began < SWEEP_EVERY_S
    assert world.asked_at == []
