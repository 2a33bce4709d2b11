"""What is set up wrongly is said once per event, by an error line with its metric; nothing is removed by mistake, no closing is held up."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.features import ALONE, EVENTS, FEATURES, HISTORIES, NEWEST, PROBE, RELATED, STALE
from tests.faults.world import ENDINGS, KEYED, RECEIVES, TABLE, World

CLOSED = ENDINGS["client closed without a code"]
WRONG_STAGE = {"WEBSOCKET_STAGE": "tset"}  # Terraform derives the endpoint from it, so that it is wrong too


def close_one(world: World) -> str:
    connection = world.connect("client", CLOSED.age_s)
    (event,) = world.end(connection, CLOSED)
    assert world.send(event) == {"statusCode": 200, "body": "disconnected"}
    return connection.id


def troubles(world: World) -> list[dict[str, Any]]:
    return [line for line in world.lines if line["level"] != "INFO" and line["outcome"] != "swept"]


def retry_until_dead(world: World) -> list[dict[str, Any]]:
    """What is in the dead-letter queue when every retry has been made."""
    for _ in range(RECEIVES + 1):
        world.until_retried()
    assert world.messages(world.queue_url) == 0
    received = world.sqs.receive_message(QueueUrl=world.dead_letter_url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


@pytest.mark.parametrize(
    ("steps", "features"),
    [
        (["related"], {"RELATED_TABLES": RELATED["RELATED_TABLES"].replace(KEYED, "nowhere")}),
        (["related"], {"RELATED_TABLES": RELATED["RELATED_TABLES"].replace("byConnection", "byNothing")}),
        (["history"], HISTORIES | {"HISTORY_TABLE": "nowhere"}),
        (["announce", "duplicates"], STALE | {"CLIENT_INDEX": "byNothing"}),
    ],
    ids=["related table away", "related index away", "history table away", "index of clients away"],
)
def test_an_extra_that_leads_nowhere_is_logged_and_retried(make_world: MakeWorld, steps: list[str], features: dict[str, str]) -> None:
    world = make_world(FEATURES["everything"], features)
    closed = close_one(world)
    assert [(line["step"], line["Failures"], line["level"]) for line in troubles(world)] == [(steps[0], 1, "ERROR")]
    assert world.records() == []
    (letter,) = [letter["finish"] for letter in retry_until_dead(world) if "finish" in letter]
    assert letter["steps"] in (steps, [*steps, "duplicates"])
    assert letter["ended"]["connectionId"] == closed


def test_a_bus_that_refuses_the_role_is_logged_and_retried(make_world: MakeWorld) -> None:
    world = make_world(EVENTS)
    world.fail("events", "AccessDeniedException")
    closed = close_one(world)
    assert [(line["step"], line["Failures"], line["level"]) for line in troubles(world)] == [("announce", 1, "ERROR")]
    assert world.records() == []
    letters = retry_until_dead(world)
    assert [letter[kind]["ended"]["connectionId"] for kind in ("finish", "offline") for letter in letters if kind in letter] == [closed] * 2


@pytest.mark.parametrize("key", [["id"], ["connectionId", "room"]])
def test_an_event_for_a_table_with_another_key_is_kept(make_world: MakeWorld, key: list[str]) -> None:
    world = make_world()
    world.dynamodb.delete_table(TableName=TABLE)
    world.create_table(TABLE, key)
    item = {name: {"S": "x"} for name in key} | {"connectedAt": {"N": "1600000000000"}}
    world.dynamodb.put_item(TableName=TABLE, Item=item)
    (event,) = world.end(world.connect("client", record=False), CLOSED)
    assert world.send(event) == {"statusCode": 200, "body": "disconnected"}
    assert [(line["step"], line["outcome"], line["Failures"]) for line in troubles(world)] == [("close", "queued", 1)]
    assert "ValidationException" in troubles(world)[0]["error"]
    world.lines.clear()
    world.sweep()
    assert [line["Failures"] for line in troubles(world)] == [1]
    assert world.records() == [item]
    assert [list(letter) for letter in retry_until_dead(world)] == [["version", "close"]]


@pytest.mark.parametrize("answer", [403, 410])
@pytest.mark.parametrize("named", [True, False], ids=["records name their stage", "records name no stage"])
@pytest.mark.parametrize("count", [5, 25])
@pytest.mark.parametrize("extra", [PROBE, STALE, NEWEST, PROBE | NEWEST], ids=["probe", "stale", "newest", "probe and newest"])
def test_an_endpoint_of_another_stage_costs_no_live_record(
    make_world: MakeWorld, answer: int, named: bool, count: int, extra: dict[str, str]
) -> None:
    world = make_world(extra, WRONG_STAGE)
    world.gateway.wrong_endpoint = answer
    attributes: dict[str, Any] = {} if named else {"apiId": None, "stage": None}
    for _ in range(count):
        world.connect("client", 1_000, **attributes)
    close_one(world)
    expired = world.connect("client", 7_600, **attributes)  # its closing asks about the client's others, too
    world.end(expired, ENDINGS["cable pulled"])
    world.sweep()
    assert [untruth for untruth in world.untruths() if "live" in untruth] == []
    assert (expired.id in {record["connectionId"]["S"] for record in world.records()}) == named  # another stage's is not ours to judge
    (swept,) = [line for line in world.lines if line["outcome"] == "swept"]
    assert swept["level"] == "WARN" or "PROBES_PER_SECOND" not in extra


@pytest.mark.parametrize("extra", [STALE, NEWEST], ids=["stale", "newest"])
@pytest.mark.parametrize("answer", [403, 410])
def test_a_stage_that_the_events_contradict_is_said(make_world: MakeWorld, answer: int, extra: dict[str, str]) -> None:
    world = make_world(extra, WRONG_STAGE)
    world.gateway.wrong_endpoint = answer
    live = world.connect("client", 1_000, apiId=None, stage=None)
    close_one(world)
    world.drain()
    assert [line["step"] for line in troubles(world)] == ["duplicates", "retry"]
    assert [record["connectionId"]["S"] for record in world.records()] == [live.id]


@pytest.mark.parametrize("features", [PROBE, ALONE], ids=["shared table", "table of its own"])
@pytest.mark.parametrize("count", [5, 30])
def test_a_wrong_endpoint_is_not_believed_but_reported(make_world: MakeWorld, features: dict[str, str], count: int) -> None:
    world = make_world(features)
    for number in range(count):
        world.connect(f"client{number}", 1_000, apiId=None, stage=None)
        world.connect(f"client{number}", 120, apiId=None, stage=None)  # of whom we have heard lately
    world.gateway.wrong_endpoint = 410
    for _ in range(3):
        world.advance(300)
        world.sweep()
        world.ask_again()
    assert world.problems() == []
    unproven = [line["Unproven"] for line in world.lines]
    assert unproven[0] == count
    assert all(unproven)
    assert {line["level"] for line in world.lines} == {"WARN"}


def test_the_other_stages_live_records_stay_in_a_shared_table(make_world: MakeWorld) -> None:
    world = make_world(PROBE)
    for number in range(6):
        world.connect(f"ours{number}", 1_000, apiId=None, stage=None)
        theirs = world.connect(f"theirs{number}", 1_000, apiId=None, stage=None)
        theirs.open_from = math.inf  # to our endpoint
    world.sweep()
    world.ask_again()
    assert world.problems() == []
    assert [line["Unproven"] for line in world.lines] == [6]


def test_an_endpoint_wrong_for_a_moment_costs_no_live_record(make_world: MakeWorld) -> None:
    world = make_world(PROBE)
    for number in range(30):
        world.connect(f"client{number}", 1_000)
    world.gateway.wrong_endpoint = 410
    world.sweep()
    world.heal()
    world.ask_again()
    assert world.problems() == []
    assert [line["contradicted"] for line in world.lines] == [0, 30]


@pytest.mark.parametrize("age_s", [2, 70, 1_000])
@pytest.mark.parametrize("features", [PROBE, ALONE, FEATURES["everything"]], ids=["probe", "table of its own", "everything"])
def test_a_hostile_sender_has_nobody_removed_who_lives(make_world: MakeWorld, features: dict[str, str], age_s: int) -> None:
    world = make_world(features)
    slow = world.connect("slow", connect_takes_s=29, connectedAt=None, expiresAt=None)  # @connections says 410 of it until then
    ids = [world.connect(f"client{number}", age_s).id for number in range(5)] + [slow.id]
    forged: list[dict[str, Any]] = [
        {"close": {"ended": {"connectionId": ids[0], "cause": "unknown", "endedAt": 1}}},
        {"finish": {"ended": {"connectionId": ids[0], "cause": "unknown", "endedAt": 1}, "steps": ["related", "history", "duplicates"]}},
        {"sweep": {"segment": 0, "segments": 1, "suspect_after_ms": 0}},
        {"sweep": {"scans": False, "again": ids}},
        {"offline": {"ended": {"connectionId": ids[0], "cause": "unknown", "endedAt": 1}, "id": "offline/1"}},
    ]
    for message in [*forged, *({"gone": {"connectionId": connection_id}} for connection_id in ids * 3)]:
        world.report({"version": 1, **message})
    world.ask_again()
    world.ask_again()
    assert [untruth for untruth in world.untruths() if "live" in untruth] == []
    assert world.losses() == []


def test_newest_closes_no_connection_that_is_still_being_made(make_world: MakeWorld) -> None:
    world = make_world(NEWEST)
    gone = world.connect("client", CLOSED.age_s)
    world.connect("client", age_s=2, connect_takes_s=20)  # @connections says 410 of it, to DELETE as well
    world.connect("client", age_s=1)
    (event,) = world.end(gone, CLOSED)
    world.send(event)
    assert world.untruths() == []
    world.until_retried()
    assert world.problems() == []
    assert len(world.records()) == 1  # by then the older one has been closed
