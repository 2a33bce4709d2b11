"""Records that are not as they should be: served like any other when their event comes, and never removed on a guess when it doesn't."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.world import ALONE, API_ID, ENDINGS, FEATURES, World

DAY_S = 86_400
SWEPT = "swept"
PROBED = "probed"  # only a question can tell: without the probe the record stays
UNPROVEN = "unproven"  # a record that names nobody, in a table that may be anybody's: an answer proves nothing
LEFT = "left"  # not ours to judge


def number(value: float) -> dict[str, str]:
    return {"N": str(int(value))}


# Each variant's attributes by now (epoch s), and what becomes of the record when the event never comes.
VARIANTS: dict[str, tuple[Any, str]] = {
    "as it should be": (lambda now: {}, SWEPT),
    "only the key": (lambda now: dict.fromkeys(("connectedAt", "expiresAt", "clientId", "apiId", "stage")), UNPROVEN),
    "no connectedAt": (lambda now: {"connectedAt": None, "expiresAt": number(now + 2 * 3_600)}, SWEPT),
    "no time at all": (lambda now: {"connectedAt": None, "expiresAt": None}, PROBED),
    "times in words": (lambda now: {"connectedAt": {"S": "yesterday"}, "expiresAt": {"S": "tomorrow"}}, PROBED),
    "times of odd types": (lambda now: {"connectedAt": {"NULL": True}, "expiresAt": {"L": [number(1)]}}, PROBED),
    "connectedAt in seconds": (lambda now: {"connectedAt": number(now - 300_000), "expiresAt": None}, PROBED),
    "connectedAt in microseconds": (lambda now: {"connectedAt": number((now - 300_000) * 1e6), "expiresAt": None}, PROBED),
    "connectedAt negative": (lambda now: {"connectedAt": number(-1), "expiresAt": None}, PROBED),
    "connectedAt beyond all numbers": (lambda now: {"connectedAt": {"N": "9" * 30}, "expiresAt": None}, PROBED),
    "connectedAt in the future": (lambda now: {"connectedAt": number((now + DAY_S) * 1000), "expiresAt": None}, PROBED),
    "connectedAt a little in the future": (lambda now: {"connectedAt": number((now + 30) * 1000)}, SWEPT),
    "expiresAt in milliseconds": (lambda now: {"connectedAt": None, "expiresAt": number((now - DAY_S) * 1000)}, PROBED),
    "lastSeenAt in the future": (lambda now: {"lastSeenAt": number((now + DAY_S) * 1000)}, SWEPT),
    "lastSeenAt in words": (lambda now: {"lastSeenAt": {"S": "just now"}}, SWEPT),
    "no client": (lambda now: {"clientId": None}, SWEPT),
    "no API and stage": (lambda now: {"apiId": None, "stage": None}, "expires unless proven"),
    "another API's": (lambda now: {"apiId": {"S": "z9y8x7w6v5"}}, LEFT),
    "another stage's": (lambda now: {"apiId": {"S": API_ID}, "stage": {"S": "test"}}, LEFT),
}
UNINDEXABLE = ("times in words", "times of odd types")  # DynamoDB itself refuses a record whose connectedAt is no number and an index's key


def expected_to_stay(world: World, fate: str) -> bool:
    probing, alone = "PROBES_PER_SECOND" in world.features, "EXCLUSIVE_TABLE" in world.features
    return {
        SWEPT: False,
        PROBED: not probing,
        UNPROVEN: not alone,
        "expires unless proven": probing and not alone,  # the probe's bound is the shorter one
        LEFT: True,
    }[fate]


@pytest.mark.parametrize("extras", ["nothing extra", "probe", "table of its own", "stale", "everything"])
def test_odd_records_are_served_and_never_removed_on_a_guess(make_world: MakeWorld, extras: str) -> None:
    world = make_world(ALONE if extras == "table of its own" else FEATURES[extras])
    variants = {name: v for name, v in VARIANTS.items() if not ("CLIENT_INDEX" in world.features and name in UNINDEXABLE)}
    ended, lost = set(), {}
    for name, (attributes_at, fate) in variants.items():
        attributes = attributes_at(world.clock.now)
        leaving, lost[name] = (world.connect(f"{name}{n}", 90, **attributes) for n in range(2))
        world.close(leaving, ENDINGS["idle"])
        ended.add(leaving.id)
        world.end(lost[name], ENDINGS["cable pulled"])
        for age in (0, 90, 1_000):
            live = world.connect(f"{name}, {age} s", age, **attributes)
            if fate == LEFT:
                world.foreign.add(lost[name].id)
                live.open_from = math.inf  # our endpoint says 410 of another API's connections, dead or alive

    world.sweep()
    assert [untruth for untruth in world.untruths() if "live" in untruth] == []
    assert ended.isdisjoint(world.keys)

    world.until_swept()
    left = world.keys
    assert {name for name in variants if lost[name].id in left} == {
        name for name, (_, fate) in variants.items() if expected_to_stay(world, fate)
    }
    assert world.noise() == []
