"""examples/broadcaster beside an environment: whoever posts to connections learns first which are gone, and the table soon after."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from local.aws import is_disconnect
from tools.clients import Client, Watch, open_clients, spread
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LIVING = {f"lives-{i}" for i in range(5)}
DEAD = {f"is-gone-{i}" for i in range(12)}
OLD_ENOUGH_MS = 2 * 60 * 1000  # to be asked about, and far from being suspected by itself


@pytest.fixture(scope="module")
def stack(applied: dict[str, Stack]) -> Iterator[Stack]:
    stack = applied["staging"]
    broadcaster = stack.broadcaster()
    broadcaster.init()
    broadcaster.apply()
    assert broadcaster.plan() == ""
    yield stack
    broadcaster.destroy()


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    stack.clear()
    with Watch(stack.aws, stack.table) as watch:
        yield watch
    stack.clear()  # of the dead, whom nobody tells


@pytest.fixture
def living(stack: Stack, watch: Watch) -> Iterator[list[Client]]:
    """Clients that stay, in a table where others are whose $disconnect was lost."""
    living, dying = open_clients(stack.url, LIVING), open_clients(stack.url, DEAD)
    assert watch.wait_for(lambda: watch.records.keys() == LIVING | DEAD, 60)
    with stack.aws.faults.fail("lambda", "cut", where=is_disconnect) as lost:
        for client in dying:
            client.close()
        assert watch.wait_for(lambda: lost.hits == len(DEAD), 30)
    stack.age(watch.records.values(), OLD_ENOUGH_MS)
    yield living
    for client in living:
        client.close()


def report(stack: Stack, *messages: dict[str, object]) -> None:
    for message in messages:
        body = json.dumps({"version": 1, **message})
        stack.aws.client("sqs").send_message(QueueUrl=stack.outputs["report_gone"]["queue_url"], MessageBody=body)


def test_the_first_broadcast_clears_the_table_of_who_is_gone(
    stack: Stack, watch: Watch, living: list[Client], record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    assert stack.broadcast(message="hello") == {"sent": len(LIVING), "gone": len(DEAD), "failed": 0}
    assert watch.wait_until_gone(DEAD, 60)
    record_property(f"time to truth, {len(DEAD)} dead connections, from a broadcast", spread(watch.gone_at[name] - began for name in DEAD))
    assert [client.socket.recv(5) for client in living] == ["hello"] * len(LIVING)
    assert watch.records.keys() == LIVING
    assert stack.broadcast(message="hello again") == {"sent": len(LIVING), "gone": 0, "failed": 0}


def test_nobody_can_have_a_living_connection_removed_by_the_report_queue(stack: Stack, watch: Watch, living: list[Client]) -> None:
    ids = {name: record["connectionId"]["S"] for name, record in watch.records.items()}
    lives, dead = ids["lives-0"], ids["is-gone-0"]
    ended = {"connectionId": lives, "cause": "client_closed", "endedAt": int(time.time() * 1000)}
    report(stack, {"gone": {"connectionId": lives}}, {"close": {"ended": ended}}, {"gone": {"connectionId": "never-was"}})
    report(stack, {"gone": {"connectionId": dead}}, {"gone": {"connectionId": dead}})
    assert watch.wait_until_gone(["is-gone-0"], 60)
    assert watch.wait_for(lambda: stack.messages(stack.outputs["report_gone"]["queue_url"]) == 0, 60)
    assert watch.records.keys() == (LIVING | DEAD) - {"is-gone-0"}
    assert stack.messages(stack.outputs["retry_queue"]["dead_letter_url"]) == 0


def test_a_report_of_a_young_connection_waits_in_its_queue(stack: Stack, watch: Watch) -> None:
    [young] = open_clients(stack.url, ["is-young"])
    assert watch.wait_until_there(["is-young"])
    queue = stack.outputs["report_gone"]["queue_url"]
    seen = len(stack.aws.faults.requests)
    report(stack, {"gone": {"connectionId": watch.records["is-young"]["connectionId"]["S"]}})
    hidden = {"QueueUrl": queue, "VisibilityTimeout": 60}

    def is_hidden() -> bool:
        asked = [request.json for request in stack.aws.faults.requests[seen:] if request.operation == "ChangeMessageVisibility"]
        return any(hidden.items() <= parameters.items() for parameters in asked)

    assert watch.wait_for(is_hidden, 60)
    assert stack.messages(queue) == 1
    assert [line for line in stack.log_lines("cleanup") if line.get("step") == "postpone"] == []
    stack.aws.client("sqs").purge_queue(QueueUrl=queue)
    young.close()


def test_a_sender_may_report_only_with_the_policy_that_the_module_gives_it(stack: Stack, watch: Watch, living: list[Client]) -> None:
    iam, policy = stack.aws.client("iam"), {"RoleName": "history-staging-broadcast", "PolicyName": "report-gone"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    iam.delete_role_policy(**policy)
    try:
        assert stack.broadcast(message="hello")["gone"] == len(DEAD)
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    assert stack.messages(stack.outputs["report_gone"]["queue_url"]) == 0
    assert watch.records.keys() == LIVING | DEAD
