"""Random sequences of what can happen, on a simulated clock, end in a true table; hypothesis looks for one that does not."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faults.conftest import Backend
from tests.faults.world import ENDINGS, FEATURES, INTEGRATION_S, SWEEP_EVERY_S, Connection, World

CLIENTS = st.sampled_from(["ann", "ben"])
AGES = st.sampled_from([30, 0, 700, 7_190])
WAYS = st.sampled_from(sorted(ENDINGS))
WHAT_FAILS = {
    "dynamodb": ["ThrottlingException", "cut", "lose answer", "repeat", "no body"],
    "sqs": ["ServiceUnavailable", "lose answer", "end in head"],
    "execute-api": ["LimitExceededException", "InternalServerErrorException", "lose answer"],
    "events": ["ThrottlingException", "lose answer"],
}
FAULTS = [(service, what) for service, faults in WHAT_FAILS.items() for what in faults]


def machine(backend: Backend, extras: str) -> type[RuleBasedStateMachine]:
    """The lives of connections under one set of extras."""
    probes = "PROBES_PER_SECOND" in FEATURES[extras]

    class Life(RuleBasedStateMachine):
        connections: Bundle[Connection] = Bundle("connections")

        def __init__(self) -> None:
            super().__init__()
            self._stack = ExitStack()
            self.world = self._stack.enter_context(World(*backend, FEATURES[extras]).running())
            self.world.environments = 3
            self.broken: set[str] = set()
            self.mass_loss = False
            self.held: list[dict[str, Any]] = []  # events that have not arrived yet, or will again

        @initialize(target=connections, ages=st.tuples(AGES, AGES, AGES, AGES))
        def begin(self, ages: tuple[int, ...]) -> Any:
            return stateful.multiple(
                *(self.world.connect(client, age) for client, age in zip(("ann", "ann", "ann", "ben"), ages, strict=True))
            )

        @rule(target=connections, client=CLIENTS)
        def connect(self, client: str) -> Connection:
            return self.world.connect(client)

        @rule(target=connections, client=CLIENTS, timed=st.booleans())
        def connect_slowly(self, client: str, timed: bool) -> Connection:
            """@connections says 410 until `$connect` has finished. Without a time only the probe would ever notice that it's dead."""
            untimed: dict[str, Any] = {"connectedAt": None, "expiresAt": None} if probes and not timed else {}
            return self.world.connect(client, connect_takes_s=INTEGRATION_S, **untimed)

        @rule(client=CLIENTS)
        def connect_that_writes_too_late(self, client: str) -> None:
            connection = self.world.connect(client, record=False)
            self.world.close(connection)
            self.world.write_record(connection)

        @rule(
            some=st.lists(stateful.consumes(connections), min_size=1, max_size=4),
            way=WAYS,
            arrives=st.sampled_from(["now", "now and again", "later", "never"]),
        )
        def end(self, some: list[Connection], way: str, arrives: str) -> None:
            events = [event for connection in some if connection.live for event in self.world.end(connection, ENDINGS[way])]
            if arrives.startswith("now"):
                for event in events:
                    self.world.send(event)
            if arrives in ("now and again", "later"):
                self.held += events

        @precondition(lambda self: self.held)
        @rule()
        def a_held_event_arrives(self) -> None:
            self.world.send(self.held.pop(0))

        @rule(fault=st.sampled_from(FAULTS), probability=st.sampled_from([1.0, 0.3]))
        def something_breaks(self, fault: tuple[str, str], probability: float) -> None:
            service, what = fault
            if service not in self.broken:
                self.world.fail(service, what).probability = probability
                self.broken.add(service)

        @precondition(lambda self: self.broken)
        @rule()
        def all_is_repaired(self) -> None:
            self.world.heal()
            self.world.crashes.clear()  # loud while it was broken, as specified
            self.broken.clear()

        @rule(seconds=st.sampled_from([20, 61, SWEEP_EVERY_S, 700, 7_200]))
        def time_goes_by(self, seconds: int) -> None:
            """The queue is polled all the time; the schedule comes every 5 min."""
            self.world.advance(seconds)
            self.world.poll()
            if seconds >= SWEEP_EVERY_S:
                self.world.sweep()

        @rule(which=st.integers(0, 99), times=st.sampled_from([1, 3]))
        def somebody_reports(self, which: int, times: int) -> None:
            """Whoever it is: dead, alive, still being made, or never recorded."""
            everybody = list(self.world.gateway.connections)
            for _ in range(times):
                self.world.report({"version": 1, "gone": {"connectionId": everybody[which % len(everybody)]}})

        @precondition(lambda self: probes)
        @rule(times=st.sampled_from([1, 3]))
        def an_alarm_goes_off(self, times: int) -> None:
            for _ in range(times):
                self.world.look_at_once()

        @precondition(lambda self: probes and not self.mass_loss)
        @rule()
        def many_are_lost_at_once(self) -> None:
            """Without an event. Once: it takes long."""
            self.mass_loss = True
            for number in range(8):
                self.world.end(self.world.connect(f"lost{number}", 700), ENDINGS["cable pulled"])

        @invariant()
        def live_records_stay(self) -> None:
            assert [untruth for untruth in self.world.untruths() if "live" in untruth] == []

        @invariant()
        def nothing_fails_while_nothing_is_broken(self) -> None:
            assert self.broken or self.world.noise() == []

        def teardown(self) -> None:
            with self._stack:
                self.all_is_repaired()
                self.world.until_swept()
                for _ in range(3):  # a closing that is retried may itself leave steps to retry
                    self.world.until_retried()
                assert self.world.problems() == []

    return Life


@pytest.mark.parametrize("extras", ["nothing extra", "stale", "everything", "announcements", "queue"])
def test_random_lives_end_in_a_true_table(backend: Backend, extras: str) -> None:
    """CI tries the same lives every time, so that a change fails by its own fault only; everywhere else they are new each time."""
    stateful.run_state_machine_as_test(
        machine(backend, extras),
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            derandomize=bool(os.environ.get("CI")),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
