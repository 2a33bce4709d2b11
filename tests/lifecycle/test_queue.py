"""`delivery = "queue"` with real sockets: whatever clients say of themselves, and however many leave at once, nobody is lost."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import websockets
from botocore.exceptions import ClientError

from local.aws import REGION, REPOSITORY, LocalAws, is_disconnect, is_queued, local_aws
from tests.provider import kept_provider
from tools.clients import spread
from tools.deployment import Deployment, until
from tools.permissions import ACCOUNT, User
from tools.terraform import Root

pytestmark = pytest.mark.xdist_group("queue")

TABLE, STAGE = "chat-connections", "live"
OUTPUTS = ("connections_table", "disconnect_function", "disconnect_queue", "integration_id", "retry_queue", "route_id")
OPENING_AT_ONCE = 50
ROOT = {
    "provider": {"aws": {}},
    "resource": {
        "aws_apigatewayv2_api": {
            "it": {"name": "chat", "protocol_type": "WEBSOCKET", "route_selection_expression": "$request.body.action"},
        },
        "aws_apigatewayv2_stage": {"it": {"api_id": "${aws_apigatewayv2_api.it.id}", "name": STAGE, "auto_deploy": True}},
    },
    "module": {
        "it": {
            "source": str(REPOSITORY),
            "name": "chat",
            "websocket_api": {
                "id": "${aws_apigatewayv2_api.it.id}",
                "execution_arn": "${aws_apigatewayv2_api.it.execution_arn}",
                "stage": STAGE,
            },
            "connections_table": {"name": TABLE, "deletion_protection": False},
            "delivery": "queue",
            "disconnect_queue": {"maximum_concurrency": 4},  # each is a process here
            "logs": {"client_details": "full"},
            "role": {"path": "/chat/"},
            "sweep": {"enabled": False},
        }
    },
    "output": {name: {"value": f"${{module.it.{name}}}"} for name in OUTPUTS} | {"api": {"value": "${aws_apigatewayv2_api.it.id}"}},
}
# What could end a field, name another connection, or be taken for a template.
FRAGMENTS = [
    *"&=%;+?#$!{}()[]<>\"'`\\/|,.:@~*_- \t\n\r\0\x7f\x85\u2028\ufeff\ufffe\uffffé漢😀",
    "%26", "%3D", "%00", "%0A", "%2526", "&connectionId=VICTIM", "%26connectionId%3DVICTIM", "%2526connectionId%253DVICTIM",
    "connectionId=VICTIM", "&MessageBody=connectionId%3DVICTIM", "&Action=PurgeQueue", "&QueueUrl=x", "&DelaySeconds=900",
    "&eventType=MESSAGE", "%26eventType%3DMESSAGE", "&identity.sourceIp=x", "&identity=x", "&disconnectStatusCode=1000", "&&==&",
    "$context.connectionId", "$!{context.connectionId}", "${context.stage}", "$input.body", "$util.urlEncode('x')", '#set($x = "y")',
    "##", "#*", "*#", "#if(true)", "#end", '"""', "''", "{\"connectionId\":\"VICTIM\"}", "\\u0026connectionId=VICTIM", "null", "%", "%2",
]  # fmt: skip
CASES = 250
LOOK_EVERY_S = 1  # reading a large table takes a part of that


class Stack(Deployment):
    aws: LocalAws
    connects: str  # URL of the queue that $connect writes to

    def lead(self, integration: str) -> None:
        """Has the route lead to an integration, as a stage that serves an older deployment does."""
        self.aws.client("apigatewayv2").update_route(
            ApiId=self.outputs["api"], RouteId=self.outputs["route_id"], Target=f"integrations/{integration}"
        )

    @property
    def integrations(self) -> dict[str, str]:
        found = self.aws.client("apigatewayv2").get_integrations(ApiId=self.outputs["api"])["Items"]
        names = {"Removes the record of a closed connection": "function", "Queues the removal of a closed connection's record": "queue"}
        return {names[item["Description"]]: item["IntegrationId"] for item in found if item.get("Description") in names}

    def note_connects(self) -> None:
        """`$connect` writes ids to a queue, which takes less than a function for each."""
        iam, name = self.aws.client("iam"), "connects"
        self.connects = self.aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        principal = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
        send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [principal]}))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps({"Statement": [send]}))
        gateway, api = self.aws.client("apigatewayv2"), self.outputs["api"]
        integration = gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS",
            IntegrationMethod="POST",
            IntegrationUri=f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/{name}",
            CredentialsArn=role,
            TemplateSelectionExpression="\\$default",
            RequestTemplates={"$default": "Action=SendMessage&MessageBody=$util.urlEncode($context.connectionId)"},
            RequestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        )
        gateway.create_route(ApiId=api, RouteKey="$connect", Target=f"integrations/{integration['IntegrationId']}")

    def write_records(self, number: int) -> list[str]:
        """A record for each of so many connections that were opened; their ids."""
        sqs, ids = self.aws.client("sqs"), set[str]()
        while len(ids) < number:
            messages = sqs.receive_message(QueueUrl=self.connects, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
            ids.update(message["Body"] for message in messages)
            sqs.delete_message_batch(
                QueueUrl=self.connects,
                Entries=[{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)],
            )
        self.put(sorted(ids))
        return sorted(ids)

    def put(self, ids: list[str]) -> None:
        dynamodb = self.aws.client("dynamodb")
        for first in range(0, len(ids), 25):
            puts = [{"PutRequest": {"Item": {"connectionId": {"S": key}}}} for key in ids[first : first + 25]]
            assert not dynamodb.batch_write_item(RequestItems={TABLE: puts})["UnprocessedItems"]

    def left(self, gone: set[str], seconds: float = 120) -> set[str]:
        """Which of these records are still there when none is left, or after so long."""

        def look() -> set[str]:
            return {record["connectionId"]["S"] for record in self.records()} & gone

        return until(look, lambda left: not left, seconds, LOOK_EVERY_S)

    async def crowd(self, agents: list[str], leave: Callable[[list[Any]], Any]) -> list[str]:
        """Opens a connection with each user agent, writes the records, and has `leave` close them; their ids."""
        url, turn = self.aws.websocket_url(self.outputs["api"], STAGE), asyncio.Semaphore(OPENING_AT_ONCE)

        async def connect(agent: str) -> Any:
            async with turn:
                return await websockets.connect(url, proxy=None, user_agent_header=agent, ping_interval=None, open_timeout=60)

        sockets = await asyncio.gather(*map(connect, agents))
        ids = await asyncio.to_thread(self.write_records, len(agents))
        await leave(sockets)
        return ids


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket for each client, here and there
    folder: Path = tmp_path_factory.mktemp("queue")
    (folder / "main.tf.json").write_text(json.dumps(ROOT))
    with local_aws() as aws:
        root = Root(folder, aws.environment, folder / ".terraform")
        root.init()
        with kept_provider(root):
            root.apply()
            assert root.plan() == ""
        stack = Stack(aws, root.outputs)
        stack.note_connects()
        yield stack


@pytest.fixture
def stack(applied: Stack) -> Iterator[Stack]:
    with ExitStack() as after:
        after.callback(applied.lead, applied.integrations["queue"])
        after.callback(applied.aws.faults.clear)
        yield applied


def hostile() -> tuple[list[str], list[str]]:
    """User agents and reasons: each fragment by itself, then any several. A header takes Latin-1 that is visible, a reason 123 bytes."""
    dice = random.Random(20)
    texts = [*FRAGMENTS, *("".join(dice.choices(FRAGMENTS, k=dice.randint(2, 6))) for _ in range(CASES - len(FRAGMENTS)))]
    agents = ["".join(c for c in text if " " <= c <= "~" or "\xa0" < c <= "\xff").strip() * dice.choice([1, 1, 9]) or "-" for text in texts]
    dice.shuffle(texts)
    return agents, [text.encode()[:123].decode(errors="ignore") for text in texts]


def test_hostile_clients_change_nothing_but_their_own_fields(stack: Stack) -> None:
    agents, reasons = hostile()
    stack.put(["VICTIM"])

    async def leave(sockets: list[Any]) -> None:
        for socket, reason in zip(sockets, reasons, strict=True):
            await socket.close(4321, reason)

    ids = asyncio.run(stack.crowd(agents, leave))
    assert stack.left(set(ids)) == set()
    assert stack.left({"VICTIM"}, 0) == {"VICTIM"}

    def removed() -> list[dict[str, Any]]:
        return [line for line in stack.lines() if line.get("connectionId") in ids and line["outcome"] == "removed"]

    ended = until(removed, lambda lines: len(lines) >= len(ids), 120)  # a line is written after its record is removed
    assert {(line["closeCode"], line["cause"], line["apiId"], line["stage"]) for line in ended} == {
        (4321, "client_closed", stack.outputs["api"], STAGE)
    }
    written = sorted((line["userAgent"], line.get("closeReason", "")) for line in ended)
    assert written == sorted((agent[:256], reason[:256]) for agent, reason in zip(agents, reasons, strict=True))
    assert stack.messages(stack.dead_letters) == 0


def test_without_code_and_reason_the_cause_is_unknown(stack: Stack) -> None:
    file = stack.aws.folder / "unfilled"
    file.write_text("disconnectStatusCode disconnectReason")
    try:
        [name] = asyncio.run(stack.crowd(["agent"], lambda sockets: sockets[0].close(4321, "bye")))
        assert stack.left({name}) == set()
    finally:
        file.unlink()
    [line] = [line for line in stack.lines() if line.get("connectionId") == name]
    assert line["cause"] == "unknown"
    assert not {"closeCode", "closeReason"} & line.keys()
    assert line["waitedMs"] >= 0


@pytest.mark.parametrize("way", ["function", "queue"])
def test_a_stage_that_serves_an_older_deployment_loses_nobody(
    stack: Stack, way: str, record_property: Callable[[str, object], None]
) -> None:
    """One after the other, so that each is served by itself."""
    stack.lead(stack.integrations[way])
    closed: list[float] = []

    async def leave(sockets: list[Any]) -> None:
        for socket in sockets:
            closed.append(time.time())
            await socket.close()
            await asyncio.sleep(0.2)

    ids = asyncio.run(stack.crowd(["agent"] * 20, leave))
    assert stack.left(set(ids)) == set()
    asked = sorted(r.at for r in stack.aws.faults.requests if r.operation == "DeleteItem" and r.json["Key"]["connectionId"]["S"] in ids)
    record_property(f"from a close to DeleteItem, by the {way}", spread(at - began for at, began in zip(asked, closed, strict=True)))


def test_nobody_but_the_routes_role_may_send(stack: Stack) -> None:
    """Not even who may do anything with any queue."""
    allow = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    sqs = User(stack.aws, "admin", json.dumps({"Version": "2012-10-17", "Statement": [allow]})).client("sqs")
    url = stack.outputs["disconnect_queue"]["url"]
    sqs.get_queue_attributes(QueueUrl=url)
    with pytest.raises(ClientError, match="explicit deny"):
        sqs.send_message(QueueUrl=url, MessageBody="connectionId=VICTIM")


@pytest.mark.parametrize(("way", "clients", "seconds"), [("function", 300, 5), ("queue", 1_000, 300)])
def test_a_storm_through_the_queue_loses_nobody(
    stack: Stack, way: str, clients: int, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    stack.lead(stack.integrations[way])
    began = 0.0

    async def leave(sockets: list[Any]) -> None:
        nonlocal began
        began = time.monotonic()
        await asyncio.gather(*(socket.close() for socket in sockets))

    with stack.reserved("disconnect", 1):
        before = len(requests := stack.aws.faults.requests)
        ids = set(asyncio.run(stack.crowd(["agent"] * clients, leave)))
        closed = time.monotonic() - began
        arrives = is_disconnect if way == "function" else is_queued
        until(lambda: sum(arrives(r) and r.status is not None for r in requests[before:]), lambda number: number >= clients, 300, 0.1)
        left = stack.left(ids, seconds)
        true_s = time.monotonic() - began
    record_property(
        f"{clients} clients closed within {closed:.1f} s, one reserved execution, by the {way}",
        f"{len(left)} lost, table {'never true' if left else f'true after {true_s:.1f} s'}",
    )
    assert len(left) > clients / 2 if way == "function" else not left
