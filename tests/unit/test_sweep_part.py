"""Where a sweep goes on, and where it must not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import ending
import pytest
from sweep_part import LONGEST_LIST, Part, fitting

from tests.unit.support import Clock

WRONG: dict[str, list[object]] = {
    "segment": [1, -1, True, "0"],
    "segments": [0, 1.0, 101],
    "active": [-1, "1"],
    "began_ms": [-1],
    "until_ms": ["soon"],
    "period_s": ["300", []],
    "hops": [-1],
    "suspect_after_ms": ["60000"],
    "start": ["", 7, "x" * 2049, "\ud800"],
    "again": ["c", [7], [""]],
}


@pytest.mark.parametrize("value", [None, [], *({name: value} for name, values in WRONG.items() for value in values)], ids=repr)
def test_a_part_that_makes_no_sense_is_rejected(value: object) -> None:
    with pytest.raises(ending.RejectedError):
        Part.parse(value)


@pytest.mark.parametrize(("value", "period_s"), [({}, 300), ({"period_s": 60}, 60)])
def test_a_part_is_the_whole_table_unless_said_otherwise(value: dict[str, int], period_s: int, clock: Clock) -> None:
    assert Part.parse(value) == Part(began_ms=clock.ms, until_ms=clock.ms + period_s * 1000)


def test_a_chain_ends_before_lambda_ends_it(clock: Clock) -> None:
    """At 16 invocations. The first had no message, and a removal may leave three behind it. The last reading is still followed up."""
    part = Part.parse({})
    while following := part.another_reading(["c"]):
        part = following
    last = part.only_again(["c"])
    assert last is not None
    assert part.only_again([]) is None
    assert last.only_again(["c"]) is None
    assert last.onward("start", 0, []) is None
    assert 1 + last.hops + 3 < 16


def test_no_reading_begins_when_the_next_sweep_is_due(clock: Clock) -> None:
    part = Part.parse({"period_s": 60})
    assert part.another_reading([]) is not None
    assert not part.is_over
    clock.advance(60)
    assert part.is_over
    assert part.another_reading([]) is None
    assert part.onward("start", 0, []) is not None
    assert part.only_again(["c"]) is not None


def test_a_continued_reading_keeps_its_count(clock: Clock) -> None:
    part = Part.parse({"active": 3, "start": "a", "suspect_after_ms": 60_000, "segment": 1, "segments": 4})
    clock.advance(10)
    following = replace(part, hops=1, again=["c"])
    assert part.onward("b", 5, ["c"]) == replace(following, start="b", active=5)
    assert part.only_again(["c"]) == replace(following, scans=False)
    assert part.another_reading(["c"]) == replace(following, start=None, active=0, began_ms=part.began_ms + 10_000)


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", '"'])
def test_a_message_holds_as_many_ids_as_fit(letter: str) -> None:
    ids = [letter * 100] * 10_000
    fit = fitting(ids)
    assert 0 < len(fit) < len(ids)
    assert LONGEST_LIST - 1_300 < len(json.dumps(fit, separators=(",", ":"))) <= LONGEST_LIST + 2
    assert len(json.dumps({"version": 1, "sweep": asdict(Part(start=letter * 512, again=fit))})) < 256_000
    assert fitting(ids[:2]) == ids[:2]
