"""The fault matrix: every way to end a connection, by every fault, by the extras.

One test is a row of FAULTS under one set of extras. It ends a connection in each of the ways of `world.ENDINGS`, while others of the same
clients live on, waits as long as the row says, and looks at what is true then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import pytest

from local.fault_proxy import ERRORS, NOT_WHOLE
from tests.faults.conftest import MakeWorld
from tests.faults.world import ENDINGS, FEATURES, HISTORY, KEYED, OFFLINE, TABLE, Connection, Ending, World
from tests.unit.fake_aws import Answer

Sends = Callable[[World, Connection, Ending], None]
Breaks = Callable[[World], object]

ALL = tuple(FEATURES)
NONE = ("nothing extra",)
SOME = ("nothing extra", "stale", "everything")
TWO = ("nothing extra", "everything")  # for what meets every extra in the same place

# How long the table may be untrue once the fault is over.
AT_ONCE, RETRIED, SWEPT = "at once", "by the retry queue", "by the sweep"


# How `$disconnect` events arrive


def once(world: World, connection: Connection, ending: Ending) -> None:
    world.close(connection, ending)


def never(world: World, connection: Connection, ending: Ending) -> None:
    world.end(connection, ending)


def late(world: World, connection: Connection, ending: Ending) -> None:
    events = world.end(connection, ending)
    world.advance(600)
    world.sweep()
    for event in events:
        world.send(event)


def thrice(world: World, connection: Connection, ending: Ending) -> None:
    for event in 3 * world.end(connection, ending):
        world.send(event)


def after_reconnect(world: World, connection: Connection, ending: Ending) -> None:
    events = world.end(connection, ending)
    world.connect(connection.client)
    for event in events:
        world.send(event)


def before_connect_writes(world: World, connection: Connection, ending: Ending) -> None:
    slow = world.connect(connection.client, ending.age_s, record=False)
    world.close(slow, ending)
    world.write_record(slow)
    once(world, connection, ending)


def reported(world: World, connection: Connection, ending: Ending) -> None:
    """No event, but a sender posts to it and gets a 410: twice, as senders do."""
    world.end(connection, ending)
    for _ in range(2):
        world.report({"version": 1, "gone": {"connectionId": connection.id}})


def lost_and_looked_for(world: World, connection: Connection, ending: Ending) -> None:
    """The alarm on lost events goes off while they are lost, over and over."""
    world.end(connection, ending)
    world.advance(61)
    world.look_at_once()
    world.ask_again()


NEED_NO_EVENT = (reported, lost_and_looked_for)

# What breaks


def nothing(world: World) -> None:
    pass


def fails(service: str, what: str, operation: str | None = None, table: str | None = None) -> Breaks:
    return lambda world: world.fail(service, what, operation, table)


dynamodb, sqs, events, connections_api = (partial(fails, service) for service in ("dynamodb", "sqs", "events", "execute-api"))


def both(*breaks: Breaks) -> Breaks:
    return lambda world: [one(world) for one in breaks]


def in_turn(service: str, whats: Iterable[str]) -> Breaks:
    """Each call to the service meets the next of these faults."""
    return lambda world: world.fail_in_turn(service, sorted(whats))


def without_dynamodb(what: str, operation: str | None = None) -> Breaks:
    return both(dynamodb("cut"), sqs(what, operation))


def hands_back(world: World) -> None:
    world.aws.on("BatchWriteItem", lambda request: Answer(200, {"UnprocessedItems": request.parameters["RequestItems"]}))


def refuses_entries(world: World) -> None:
    refusal = {"ErrorCode": "InternalFailure", "ErrorMessage": "made by the test"}
    world.aws.on("PutEvents", lambda request: Answer(200, {"FailedEntryCount": 1, "Entries": [refusal]}))


@dataclass(frozen=True)
class Fault:
    breaks: Breaks
    sends: Sends
    true_again: str
    extras: tuple[str, ...]
    fails: tuple[str, ...] = ()  # functions whose invocations fail, and must, so that Lambda's `Errors` rises
    met: bool = True  # whether a call of the functions meets the fault


RELATES = ("related", "everything")
RECORDS_HISTORY = ("history", "everything")
ASKS = ("stale", "newest", "everything")
ANNOUNCES = ("announcements", "everything")
BY_CLIENT = ("nothing extra", "stale", "newest", "announcements", "everything")
PROBES = ("probe", "everything")
QUEUED = ("queue",)
SWEEP_FAILS = ("cleanup",)
ALL_FAIL = ("disconnect", "cleanup")
THROTTLED = "ThrottlingException"
# Without what is an answer: nobody's condition failed, and a connection that is gone.
DYNAMODB_ERRORS = ERRORS["dynamodb"].keys() - {"ConditionalCheckFailedException"}
CONNECTIONS_ERRORS = ERRORS["execute-api"].keys() - {"GoneException"}
SQS_FAULTS = [sorted([*ERRORS["sqs"], "no body", "end in head"])[start::4] for start in range(4)]  # there are not calls enough for all

FAULTS: dict[str, Fault] = {
    # at the gateway                            what breaks, how events arrive, true again, extras
    "no fault": Fault(nothing, once, AT_ONCE, ALL),
    "event dropped or function throttled": Fault(nothing, never, SWEPT, ALL),
    "event 10 min late": Fault(nothing, late, AT_ONCE, (*SOME, "probe")),
    "event repeated": Fault(nothing, thrice, AT_ONCE, ALL),
    "event after the client has reconnected": Fault(nothing, after_reconnect, AT_ONCE, BY_CLIENT),
    "event before $connect writes the record": Fault(nothing, before_connect_writes, SWEPT, (*SOME, "probe")),
    # DynamoDB as a whole
    "DynamoDB's errors in turn": Fault(in_turn("dynamodb", DYNAMODB_ERRORS), once, RETRIED, NONE, SWEEP_FAILS),
    "DynamoDB throttles": Fault(dynamodb(THROTTLED), once, RETRIED, TWO, SWEEP_FAILS),
    "DynamoDB cuts the line": Fault(dynamodb("cut"), once, RETRIED, SOME, SWEEP_FAILS),
    "DynamoDB's answers are lost": Fault(dynamodb("lose answer"), once, RETRIED, SOME, SWEEP_FAILS),
    "DynamoDB serves everything twice": Fault(dynamodb("repeat"), once, AT_ONCE, SOME),
    "DynamoDB hangs": Fault(dynamodb("hang"), once, RETRIED, TWO, SWEEP_FAILS),
    "DynamoDB's answers are not whole": Fault(in_turn("dynamodb", NOT_WHOLE), once, RETRIED, TWO, SWEEP_FAILS),
    # DynamoDB, one step
    "DeleteItem denied": Fault(dynamodb("AccessDeniedException", "DeleteItem"), once, RETRIED, SOME),
    "DeleteItem's answer lost": Fault(dynamodb("lose answer", "DeleteItem"), once, AT_ONCE, SOME),
    "reading the record throttled": Fault(dynamodb("ThrottlingException", "GetItem"), once, RETRIED, ("related", "history", *ASKS)),
    "scan throttled": Fault(dynamodb("ThrottlingException", "Scan"), never, SWEPT, SOME, SWEEP_FAILS),
    "related query throttled": Fault(dynamodb("ThrottlingException", "Query", KEYED), once, AT_ONCE, RELATES),
    "related deletes' answers lost": Fault(dynamodb("lose answer", "BatchWriteItem"), once, AT_ONCE, RELATES),
    "related deletes handed back": Fault(hands_back, once, AT_ONCE, RELATES),
    "history's answer lost": Fault(dynamodb("lose answer", None, HISTORY), once, AT_ONCE, RECORDS_HISTORY),
    "index of clients throttled": Fault(dynamodb("ThrottlingException", "Query", TABLE), once, AT_ONCE, ASKS),
    # the event bus
    "event bus: its errors in turn": Fault(in_turn("events", ERRORS["events"]), once, AT_ONCE, ("announcements",)),
    "event bus takes no entry": Fault(refuses_entries, once, AT_ONCE, ANNOUNCES),
    "event bus's answers are lost": Fault(events("lose answer"), once, AT_ONCE, ANNOUNCES),
    "event bus hears everything twice": Fault(events("repeat"), once, AT_ONCE, ANNOUNCES),
    "event bus hangs": Fault(events("hang"), once, AT_ONCE, ANNOUNCES),
    "index of clients throttled, announcing": Fault(dynamodb("ThrottlingException", "Query", TABLE), once, AT_ONCE, ("announcements",)),
    "absences throttled": Fault(dynamodb("ThrottlingException", None, OFFLINE), once, AT_ONCE, ("announcements",)),
    # SQS alone: the queue is asked for nothing
    "SQS away": Fault(sqs("ServiceUnavailable"), once, AT_ONCE, ("nothing extra",), met=False),
    "SQS away, where steps are queued": Fault(sqs("ServiceUnavailable"), once, SWEPT, ("stale", "announcements"), ("disconnect",)),
    "SQS away, where steps and second looks are queued": Fault(sqs("ServiceUnavailable"), once, SWEPT, ("everything",), ALL_FAIL),
    # both: the invocation fails, the record is left to the sweep
    **{
        f"DynamoDB away, SQS: {whats[0]} and others in turn": Fault(
            both(dynamodb("cut"), in_turn("sqs", whats)), once, SWEPT, NONE, ALL_FAIL
        )
        for whats in SQS_FAULTS
    },
    "DynamoDB away, SQS cuts the line": Fault(without_dynamodb("cut"), once, SWEPT, SOME, ALL_FAIL),
    "DynamoDB away, SQS loses its answers": Fault(without_dynamodb("lose answer"), once, RETRIED, TWO, ALL_FAIL),
    "DynamoDB away, SQS serves everything twice": Fault(without_dynamodb("repeat"), once, RETRIED, SOME, SWEEP_FAILS),
    "DynamoDB and SQS hang": Fault(both(dynamodb("hang"), sqs("hang")), once, SWEPT, TWO, ALL_FAIL),
    "DynamoDB away, messages can't be postponed": Fault(
        without_dynamodb("ThrottlingException", "ChangeMessageVisibility"), once, RETRIED, TWO, SWEEP_FAILS
    ),
    # by the disconnect queue: no invocation fails, and what nobody took comes back
    **{
        f"queue, DynamoDB: {what}": Fault(dynamodb(what), once, RETRIED, QUEUED, SWEEP_FAILS)
        for what in (THROTTLED, "AccessDeniedException", "cut", "lose answer", "end in head")
    },
    "queue, DynamoDB hangs": Fault(dynamodb("hang"), once, RETRIED, QUEUED, SWEEP_FAILS),
    "queue, DynamoDB serves everything twice": Fault(dynamodb("repeat"), once, AT_ONCE, QUEUED),
    **{
        f"queue, DynamoDB away, SQS: {what}": Fault(without_dynamodb(what), once, RETRIED, QUEUED, SWEEP_FAILS)
        for what in ("ServiceUnavailable", "cut", "lose answer")
    },
    # @connections, while events are lost
    "events lost, @connections: its errors in turn": Fault(in_turn("execute-api", CONNECTIONS_ERRORS), never, SWEPT, PROBES),
    "events lost, @connections cuts the line": Fault(connections_api("cut"), never, SWEPT, PROBES),
    "events lost, @connections hangs": Fault(connections_api("hang"), never, SWEPT, ("everything",)),
    # reported by senders, found after an alarm
    "senders report": Fault(nothing, reported, AT_ONCE, PROBES),
    "senders report, DynamoDB throttles the reading": Fault(dynamodb("ThrottlingException", "BatchGetItem"), reported, SWEPT, PROBES),
    "senders report, removing denied": Fault(dynamodb("AccessDeniedException", "DeleteItem"), reported, SWEPT, PROBES),
    **{
        f"senders report, @connections: {what}": Fault(connections_api(what), reported, SWEPT, PROBES)
        for what in ("LimitExceededException", "ForbiddenException", "cut")
    },
    "events lost, looked for at once": Fault(nothing, lost_and_looked_for, AT_ONCE, PROBES),
    "events lost, looked for at once, SQS serves everything twice": Fault(sqs("repeat"), lost_and_looked_for, AT_ONCE, PROBES),
    "events lost, looked for at once, SQS away": Fault(sqs("ServiceUnavailable"), lost_and_looked_for, SWEPT, ("probe",), SWEEP_FAILS),
    "events lost, looked for at once, @connections 429": Fault(
        connections_api("LimitExceededException"), lost_and_looked_for, SWEPT, PROBES
    ),
    # @connections, asked about the client's other connections
    **{
        f"duplicates, @connections: {error}": Fault(connections_api(error), once, AT_ONCE, ASKS)
        for error in ("ForbiddenException", "LimitExceededException", "InternalServerErrorException")
    },
    "duplicates, @connections hangs": Fault(connections_api("hang"), once, AT_ONCE, ("stale",)),
    "duplicates, sockets closed but the answer lost": Fault(
        connections_api("lose answer", "DeleteConnection"), after_reconnect, AT_ONCE, ("newest",)
    ),
}

CELLS = [pytest.param(fault, extras, id=f"{name} · {extras}") for name, fault in FAULTS.items() for extras in fault.extras]


@pytest.mark.parametrize(("fault", "extras"), CELLS)
def test_the_table_is_true_again_whatever_happens(make_world: MakeWorld, fault: Fault, extras: str) -> None:
    world = make_world(FEATURES[extras])
    dying = [(world.connect(f"client{n}", ending.age_s), ending) for n, ending in enumerate(ENDINGS.values())]
    for connection, _ in dying[::2]:
        world.connect(connection.client, age_s=1_000)  # silent for long, alive all the same

    fault.breaks(world)
    for connection, ending in dying:
        fault.sends(world, connection, ending)
    world.advance(60)
    world.drain()
    world.sweep()
    assert {crash.split(":")[0] for crash in world.crashes} == set(fault.fails)
    assert all(bool(injected.hits) == fault.met for injected in world.faults)
    world.crashes.clear()

    world.heal()
    if fault.true_again == RETRIED:
        world.until_retried()
    if fault.true_again != SWEPT:
        unnoticed = {connection.id for connection, ending in dying if not ending.event and fault.sends not in NEED_NO_EVENT}
        assert [untruth for untruth in world.untruths() if untruth.rpartition(" ")[2] not in unnoticed] == []
    world.connect("client0", age_s=30)
    world.until_swept()
    world.until_retried()
    for age in (0, 700, 7_100):
        world.connect("somebody", age)
    world.sweep()
    assert world.problems() == []


@pytest.mark.parametrize(("service", "extras"), [("dynamodb", "nothing extra"), ("sqs", "nothing extra"), ("events", "announcements")])
def test_no_error_of_a_service_loses_a_connection(make_world: MakeWorld, service: str, extras: str) -> None:
    """SQS is asked for something only while DynamoDB is away."""
    world = make_world(FEATURES[extras])
    no_fault = "ConditionalCheckFailedException"  # nobody's condition failed
    errors = [error for error in (*ERRORS[service], *NOT_WHOLE) if error != no_fault]
    for error in errors:
        if service == "sqs":
            world.fail("dynamodb", "cut")
        world.fail(service, error)
        world.close(world.connect(error, 90))
        world.heal()
    assert all(fault.hits for fault in world.faults)
    assert len(world.crashes) == (len(errors) if service == "sqs" else 0)
    world.crashes.clear()
    (world.until_swept if service == "sqs" else world.until_retried)()
    assert world.problems() == []


def test_retries_believe_no_answer_that_is_not_whole(make_world: MakeWorld) -> None:
    """The route could only queue the removals. Then DynamoDB is back, with four answers in ten not whole."""
    world = make_world(FEATURES["related"], FEATURES["history"])
    connections = [world.connect(f"client{number}", 90) for number in range(20)]
    world.fail("dynamodb", "ServiceUnavailable")
    for connection in connections:
        world.close(connection)
    world.heal()
    flaws = [world.fail("dynamodb", what) for what in NOT_WHOLE]
    for flaw in flaws:
        flaw.probability = 0.1
    for _ in range(3):
        world.until_retried()
    assert all(flaw.hits for flaw in flaws)
    world.heal()
    for _ in range(3):
        world.until_retried()
    assert world.problems() == []
