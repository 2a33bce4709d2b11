"""Random sequences of what can happen, on a simulated clock, end in a true table; hypothesis looks for one that does not."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, event, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule, run_state_machine_as_test

from tests.faults.conftest import Backend
from tests.faults.features import FEATURES
from tests.faults.world import ENDINGS, HISTORY, TABLE, Connection, World

CLIENTS = st.sampled_from(["ann", "ben", "cat"])
WAYS = st.sampled_from(sorted(ENDINGS))
FAULTS = {
    "dynamodb": ["ThrottlingException", "InternalServerError", "cut", "lose answer", "repeat"],
    "sqs": ["ServiceUnavailable", "cut", "lose answer", "repeat"],
    "execute-api": ["ForbiddenException", "LimitExceededException", "InternalServerErrorException", "cut", "lose answer"],
}


def machine(backend: Backend, extras: str) -> type[RuleBasedStateMachine]:
    class Life(RuleBasedStateMachine):
        connections: Bundle[Connection] = Bundle("connections")
        events: Bundle[list[dict[str, object]]] = Bundle("events")

        def __init__(self) -> None:
            super().__init__()
            self._stack = ExitStack()
            self.world = self._stack.enter_context(World(*backend, FEATURES[extras]).running())
            self.broken = False

        @rule(target=connections, client=CLIENTS, age=st.sampled_from([0, 30, 700, 7_190]), takes=st.sampled_from([0, 29]))
        def connect(self, client: str, age: int, takes: int) -> Connection:
            return self.world.connect(client, age, connect_takes_s=takes if age == 0 else 0)

        @rule(connection=consumes(connections), way=WAYS)
        def end(self, connection: Connection, way: str) -> None:
            """The event arrives as it should."""
            for sent in self.world.end(connection, ENDINGS[way]) if connection.live else []:
                event(f"ended: {way}")
                self.world.send(sent)

        @rule(target=events, connection=consumes(connections), way=WAYS)
        def end_without_a_word(self, connection: Connection, way: str) -> list[dict[str, object]]:
            """The event is lost, or comes later, perhaps more than once."""
            return self.world.end(connection, ENDINGS[way]) if connection.live else []

        @rule(late=events)
        def deliver(self, late: list[dict[str, object]]) -> None:
            for sent in late:
                event("late or repeated event")
                self.world.send(sent)

        @rule(client=CLIENTS)
        def connect_that_writes_too_late(self, client: str) -> None:
            connection = self.world.connect(client, record=False)
            for sent in self.world.end(connection, ENDINGS["client closed with a code"]):
                self.world.send(sent)
            self.world.write_record(connection)

        @rule(data=st.data(), service=st.sampled_from(sorted(FAULTS)), probability=st.sampled_from([0.3, 1.0]))
        def break_something(self, data: st.DataObject, service: str, probability: float) -> None:
            what = data.draw(st.sampled_from(FAULTS[service]))
            self.world.fail(service, what).probability = probability
            self.broken = True
            event(f"broken: {service}")

        @precondition(lambda self: self.broken)
        @rule()
        def heal(self) -> None:
            self.world.heal()
            self.world.crashes.clear()  # both away: loud, as specified
            self.broken = False

        @rule()
        def retry(self) -> None:
            self.world.poll()

        @rule()
        def sweep(self) -> None:
            self.world.sweep()

        @rule(seconds=st.sampled_from([1, 20, 61, 300, 700, 7_200]))
        def wait(self, seconds: int) -> None:
            self.world.advance(seconds)

        @invariant()
        def live_records_stay(self) -> None:
            assert [untruth for untruth in self.world.untruths() if "live" in untruth] == []

        @invariant()
        def nothing_fails_while_nothing_is_broken(self) -> None:
            assert self.broken or self.world.noise() == []

        def teardown(self) -> None:
            try:
                self.heal()
                self.world.until_swept()
                for _ in range(3):
                    self.world.until_retried()
                target(float(len(self.world.lines)))
                assert self.world.problems() == []
                if HISTORY in FEATURES[extras].values():
                    items = Counter(item["connectionId"]["S"] for item in self.world.records(HISTORY))
                    removed = {line["connectionId"] for line in self.world.lines if line["outcome"] == "removed"}
                    assert set(items.values()) <= {1}
                    assert removed <= items.keys()
                assert {record["connectionId"]["S"] for record in self.world.records(TABLE)} == {
                    connection.id for connection in self.world.gateway.connections.values() if connection.live
                }
            finally:
                self._stack.close()

    return Life


@pytest.mark.parametrize("extras", ["nothing extra", "stale", "newest", "everything"])
def test_random_lives_end_in_a_true_table(backend: Backend, extras: str) -> None:
    run_state_machine_as_test(
        machine(backend, extras),
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
