"""Where a sweep goes on, and where it must not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import ended as ended_
import pytest
from sweep_part import LONGEST_LIST, Part, fitting

if TYPE_CHECKING:
    from tests.unit.support import Clock


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"segment": 1, "segments": 1},
        {"segment": -1},
        {"segment": True, "segments": 2},
        {"segment": "0"},
        {"segments": 0},
        {"segment": 100, "segments": 101},
        {"segments": 1.0},
        {"active": -1},
        {"active": "1"},
        {"began_ms": -1},
        {"until_ms": "soon"},
        {"period_s": "300"},
        {"period_s": []},
        {"hops": -1},
        {"suspect_after_ms": "60000"},
        {"start": ""},
        {"start": 7},
        {"start": "x" * 2049},
        {"start": "\ud800"},
        {"again": "c"},
        {"again": [7]},
        {"again": [""]},
    ],
    ids=repr,
)
def test_a_part_that_makes_no_sense_is_rejected(value: object) -> None:
    with pytest.raises(ended_.RejectedError):
        Part.parse(value)


def test_a_part_is_the_whole_table_unless_said_otherwise(clock: Clock) -> None:
    part = Part.parse({})
    assert (part.segment, part.segments, part.start, part.active, part.hops, part.scans, part.again) == (0, 1, None, 0, 0, True, [])
    assert part.suspect_after_ms is None
    assert abs(part.began_ms - clock.ms) < 1_000


@pytest.mark.parametrize(("value", "period_s"), [({}, 300), ({"period_s": 60}, 60)])
def test_the_next_sweep_is_due_when_the_schedule_says(value: dict[str, int], period_s: int, clock: Clock) -> None:
    assert Part.parse(value).until_ms == pytest.approx(clock.ms + period_s * 1000, abs=1_000)


def test_what_is_sent_is_what_is_read() -> None:
    part = Part(2, 5, "k" * 2048, 7, 1_795_300_000_000, 1_795_300_300_000, 3, 60_000, scans=False, again=["a", "é"])
    assert Part.parse(json.loads(json.dumps(asdict(part)))) == part


def test_a_chain_ends_before_lambda_ends_it(clock: Clock) -> None:
    """At 16 invocations. The first had no message, and a removal may leave three behind it. The last reading is still followed up."""
    part = Part.parse({})
    while following := part.another_reading(["c"]):
        part = following
    last = part.only_again(["c"])
    assert last is not None
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
    onward, another, only_again = part.onward("b", 5, ["c"]), part.another_reading(["c"]), part.only_again(["c"])
    assert onward is not None
    assert another is not None
    assert only_again is not None
    assert (onward.start, onward.active, onward.began_ms, onward.scans) == ("b", 5, part.began_ms, True)
    assert (another.start, another.active, another.scans) == (None, 0, True)
    assert another.began_ms >= part.began_ms + 10_000
    assert only_again.scans is False
    for following in (onward, another, only_again):
        assert (following.segment, following.segments, following.suspect_after_ms, following.hops) == (1, 4, 60_000, 1)
        assert (following.again, following.until_ms) == (["c"], part.until_ms)


def test_a_part_without_anybody_to_ask_again_is_the_last() -> None:
    assert Part.parse({}).only_again([]) is None


def test_a_line_about_a_part_counts_its_ids() -> None:
    assert Part(1, 3, again=["secret"] * 9, hops=2).fields == {"segment": "1", "segments": 3, "hops": 2, "again": 9}


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", '"'])
def test_a_message_holds_as_many_ids_as_fit(letter: str) -> None:
    ids = [letter * 100] * 10_000
    fit = fitting(ids)
    assert 0 < len(fit) < len(ids)
    assert LONGEST_LIST - 1_300 < len(json.dumps(fit, separators=(",", ":"))) <= LONGEST_LIST + 2
    assert len(json.dumps({"version": 1, "sweep": asdict(Part(start=letter * 512, again=fit))})) < 256_000


def test_few_ids_fit_all() -> None:
    assert fitting(["a", "b"]) == ["a", "b"]
