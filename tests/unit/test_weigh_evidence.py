"""What it takes to believe that a connection is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings import Settings
from weigh_evidence import Weighed

from tests.unit.support import API, TABLE, record

if TYPE_CHECKING:
    from record import Record

TIME: dict[str, Any] = {"connectedAt": {"N": "1795234579479"}}
OURS: dict[str, Any] = {"apiId": {"S": "api1"}, "stage": {"S": "live"}}
SHARED = Settings({"CONNECTIONS_TABLE": TABLE, **API})
ALONE = Settings({"CONNECTIONS_TABLE": TABLE, **API, "EXCLUSIVE_TABLE": "true"})


def weigh(*answers: tuple[Record, str], settings: Settings = SHARED, alive: bool = False) -> tuple[list[str], list[str], int]:
    weighed = Weighed(list(answers), settings, alive)
    return names(weighed.gone), names(weighed.again), weighed.unproven


def names(records: list[Record]) -> list[str]:
    return [record.connection_id for record in records]


def test_a_410_counts_when_the_record_names_our_api_and_stage() -> None:
    assert weigh((record(**TIME, **OURS), "gone")) == (["c"], [], 0)


@pytest.mark.parametrize(
    "attributes", [{}, {"apiId": {"S": "api1"}}, {"stage": {"S": "live"}}, {"apiId": {"S": "api1"}, "stage": {"N": "1"}}]
)
def test_a_410_proves_nothing_when_the_record_does_not_whoever_else_is_alive(attributes: dict[str, Any]) -> None:
    assert weigh((record(**TIME, **attributes), "gone"), (record("d", **TIME, **OURS), "alive"), alive=True) == ([], [], 1)


def test_a_table_that_is_ours_alone_proves_nothing_while_nobody_is_alive() -> None:
    assert weigh(*[(record(**TIME), "gone")] * 3, settings=ALONE) == ([], [], 3)


def test_a_table_that_is_ours_alone_proves_it_when_the_endpoint_knows_somebody() -> None:
    assert weigh((record(**TIME), "gone"), (record("d", **TIME), "alive"), settings=ALONE) == (["c"], [], 0)
    assert weigh((record(**TIME), "gone"), settings=ALONE, alive=True) == (["c"], [], 0)


def test_a_record_without_a_time_is_asked_about_again() -> None:
    assert weigh((record(**OURS), "gone")) == ([], ["c"], 0)
    assert weigh((record(), "gone")) == ([], [], 1)


def test_a_record_without_a_time_decides_nothing_about_the_others() -> None:
    assert weigh((record(**TIME), "gone"), (record("d"), "alive"), settings=ALONE) == ([], [], 1)


def test_a_record_without_a_time_is_decided_about_by_the_others_and_its_like() -> None:
    assert weigh((record(), "gone"), (record("d", **TIME), "alive"), settings=ALONE) == ([], ["c"], 0)
    assert weigh((record(), "gone"), (record("d"), "alive"), settings=ALONE) == ([], ["c"], 0)


@pytest.mark.parametrize(
    ("answers", "gone", "again"), [(19, 19, False), (20, 10, False), (20, 11, True), (21, 10, False), (21, 11, True), (40, 40, True)]
)
def test_where_more_than_half_of_at_least_20_are_gone_they_are_asked_about_again(answers: int, gone: int, again: bool) -> None:
    told = [(record(str(number), **TIME, **OURS), "gone" if number < gone else "alive") for number in range(answers)]
    expected = [str(number) for number in range(gone)]
    assert weigh(*told) == (([], expected, 0) if again else (expected, [], 0))


def test_leaked_records_without_a_time_can_not_make_a_majority() -> None:
    living = [(record(f"l{n}", **TIME, **OURS), "alive") for n in range(20)]
    dead = [(record(f"d{n}", **TIME, **OURS), "gone") for n in range(10)]
    leaked = [(record(f"t{n}", **OURS), "gone") for n in range(60)]
    gone, again, unproven = weigh(*leaked, *living, *dead)
    assert gone == [f"d{n}" for n in range(10)]
    assert again == [f"t{n}" for n in range(60)]
    assert unproven == 0


def test_living_records_without_a_time_can_not_break_one() -> None:
    dead = [(record(f"d{n}", **TIME, **OURS), "gone") for n in range(20)]
    timeless = [(record(f"t{n}", **OURS), "alive") for n in range(100)]
    assert weigh(*dead, *timeless) == ([], [f"d{n}" for n in range(20)], 0)


ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["alive", "gone"])), max_size=60)


@given(ANSWERS, st.booleans(), st.booleans())
def test_each_410_is_believed_asked_about_again_or_counted_and_nobody_else_is(
    answers: list[tuple[bool, bool, str]], exclusive: bool, alive: bool
) -> None:
    told = [
        (record(str(n), **(TIME if timed else {}), **(OURS if ours else {})), answer) for n, (timed, ours, answer) in enumerate(answers)
    ]
    gone, again, unproven = weigh(*told, settings=ALONE if exclusive else SHARED, alive=alive)
    dead = {str(n) for n, (_, _, answer) in enumerate(answers) if answer == "gone"}
    assert len({*gone, *again}) == len(gone) + len(again)
    assert {*gone, *again} <= dead
    assert len(gone) + len(again) + unproven == len(dead)
    assert all(answers[int(name)][0] for name in gone)
    assert exclusive or all(answers[int(name)][1] for name in gone + again)
