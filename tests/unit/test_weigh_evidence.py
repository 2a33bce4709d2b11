"""What it takes to believe that a connection is gone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from record import Record
from settings import Settings
from weigh_evidence import Evidence

from tests.unit.support import API, TABLE, record

OURS: dict[str, Any] = {"apiId": "api1", "stage": "live"}
SHARED = Settings({"CONNECTIONS_TABLE": TABLE, **API})
ALONE = Settings({"CONNECTIONS_TABLE": TABLE, **API, "EXCLUSIVE_TABLE": "true"})


def weigh(evidence: Evidence, *answers: tuple[Record, str]) -> tuple[set[str], set[str]]:
    """Who is proven to be gone by these answers, and of whom nothing is proven until now."""
    return {found.connection_id for found in evidence.weigh(list(answers))}, {left.connection_id for left in evidence.unproven}


def test_in_a_table_of_our_own_it_counts_once_somebody_is_alive() -> None:
    evidence = Evidence(ALONE)
    assert weigh(evidence, (record("a"), "gone"), (record("b"), "refused"), (record("c"), "unasked")) == (set(), {"a"})
    assert weigh(evidence, (record("d"), "alive")) == ({"a"}, set())
    assert weigh(evidence, (record("e"), "gone")) == ({"e"}, set())


ANSWERS = st.lists(st.tuples(st.booleans(), st.sampled_from(["alive", "gone", "refused", "unasked"])), max_size=60)


@given(ANSWERS, st.integers(0, 60), st.booleans())
def test_each_410_is_believed_or_counted_and_nobody_else_is(answers: list[tuple[bool, str]], first: int, exclusive: bool) -> None:
    """In a table that others may use, a 410 counts where the record names our API and stage, and only there."""
    evidence = Evidence(ALONE if exclusive else SHARED)
    said = [(record(str(n), **(OURS if ours else {})), answer) for n, (ours, answer) in enumerate(answers)]
    earlier, _ = weigh(evidence, *said[:first])
    later, unproven = weigh(evidence, *said[first:])
    assert not earlier & later
    assert earlier | later | unproven == {str(n) for n, (_, answer) in enumerate(answers) if answer == "gone"}
    assert not (earlier | later) & unproven
    assert exclusive or all(answers[int(name)][0] for name in earlier | later)
    assert all(not answers[int(name)][0] for name in unproven)
