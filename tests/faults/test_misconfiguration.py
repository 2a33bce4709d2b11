"""What is set up wrongly, or sent by somebody hostile, costs no live connection its record."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.world import ALONE, CLOSED, ENDINGS, FEATURES, PROBE

WRONG_STAGE = {"WEBSOCKET_STAGE": "tset"}  # Terraform derives the endpoint from it, so that it is wrong too


@pytest.mark.parametrize("answer", [403, 410])
@pytest.mark.parametrize("named", [True, False], ids=["records name their stage", "records name no stage"])
@pytest.mark.parametrize("extra", [FEATURES["stale"], PROBE | FEATURES["newest"]], ids=["stale", "probe and newest"])
def test_an_endpoint_of_another_stage_costs_no_live_record(make_world: MakeWorld, answer: int, named: bool, extra: dict[str, str]) -> None:
    world = make_world(extra, WRONG_STAGE)
    world.gateway.wrong_endpoint = answer
    attributes: dict[str, Any] = {} if named else {"apiId": None, "stage": None}
    for _ in range(5):
        world.connect("client", 1_000, **attributes)
    world.close(world.connect("client", CLOSED.age_s))
    expired = world.connect("client", 7_600, **attributes)  # its closing asks about the client's others, too
    world.end(expired, ENDINGS["cable pulled"])
    world.sweep()
    assert [untruth for untruth in world.untruths() if "live" in untruth] == []
    assert (expired.id in world.keys) == named  # another stage's is not ours to judge
    (swept,) = [line for line in world.lines if line["outcome"] == "swept"]
    assert swept["level"] == "WARN" or "PROBES_PER_SECOND" not in extra


@pytest.mark.parametrize("features", [PROBE, ALONE], ids=["shared table", "table of its own"])
def test_a_wrong_endpoint_is_not_believed_but_reported(make_world: MakeWorld, features: dict[str, str]) -> None:
    world = make_world(features)
    for number in range(5):
        world.connect(f"client{number}", 1_000, apiId=None, stage=None)
        world.connect(f"client{number}", 120, apiId=None, stage=None)  # of whom we have heard lately
    world.gateway.wrong_endpoint = 410
    for _ in range(3):
        world.advance(300)
        world.sweep()
        world.ask_again()
    assert world.problems() == []
    unproven = [line["Unproven"] for line in world.lines]
    assert unproven[0] == 5
    assert all(unproven)
    assert {line["level"] for line in world.lines} == {"WARN"}


@pytest.mark.parametrize("features", [PROBE, ALONE, FEATURES["everything"]], ids=["probe", "table of its own", "everything"])
def test_a_hostile_sender_has_no_live_connection_removed(make_world: MakeWorld, features: dict[str, str]) -> None:
    world = make_world(features)
    slow = world.connect("slow", connect_takes_s=29, connectedAt=None, expiresAt=None)  # @connections says 410 of it until then
    ids = [world.connect(f"client{age_s}", age_s).id for age_s in (2, 70, 1_000)] + [slow.id]
    for connection_id in ids * 3:  # tests/unit/test_check_report.py forges other messages
        world.report({"version": 1, "gone": {"connectionId": connection_id}})
    world.ask_again()
    world.ask_again()
    assert [untruth for untruth in world.untruths() if "live" in untruth] == []
    assert world.losses() == []
