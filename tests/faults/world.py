"""The world around the functions, simulated: an API Gateway that knows which connections truly live, SQS polling, the schedule, the clock.

The functions are the real ones, entered by their handlers and imported again for each world (an INIT). Their calls go over HTTP through the
fault proxy to moto, boto3's only while a fault is set for them. What can't be waited for is simulated: their clock (and SQS's) moves only
when a test moves it, or when they sleep.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import aws
import fast_delete
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from local.fault_proxy import Fault, FaultProxy
from local.fault_proxy import Request as ProxyRequest
from tests.faults.clock import Clock, Context, load, simulated_time
from tests.faults.process import REGION, SESSION, killed_after
from tests.queue_message import rendered
from tests.unit.fake_aws import Answer, FakeAws, Request
from tests.unit.support import Table, event, sqs_record

if TYPE_CHECKING:
    from tests.unit.support import Item

API_ID, STAGE = "a1b2c3d4e5", "live"
ARN = f"arn:aws:sqs:{REGION}:123456789012"

LIFETIME_S = 7_200  # API Gateway's limit on a connection's duration
INTEGRATION_S = 29  # what `$connect` may take at most
SWEEP_EVERY_S = 300
AGAIN_S = 60  # until a sweep or a report asks once more, at most
EXPIRED_AFTER_S, SUSPECT_AFTER_S = 7_500, 660
TIMEOUT_S = {"disconnect": 10, "cleanup": 120}
FAST_TIMEOUT_S = fast_delete.BUDGET_S
SIGNED_AS = {"eventbridge": "events", "apigatewaymanagementapi": "execute-api"}  # by botocore's names
GRACE_S = 60  # before a client is announced as offline
QUEUES = {"retry": "cleanup", "disconnects": "disconnect"}  # each queue's function
VISIBILITY_S = 6 * TIMEOUT_S["cleanup"]

TABLE, KEYED, INDEXED, HISTORY, OFFLINE = "connections", "subscriptions", "rooms", "history", "offline"
BUS = f"arn:aws:events:{REGION}:123456789012:event-bus/default"

# The extras, as settings of the functions
PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", "SUSPECT_AFTER_SECONDS": str(SUSPECT_AFTER_S)}
BY_KEY = {"table": KEYED, "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}
BY_INDEX = {"table": INDEXED, "attribute": "connectionId", "index": "byConnection", "keys": ["room"]}
EVENTS = {"EVENT_BUS": BUS, "CLIENT_OFFLINE_AFTER_SECONDS": str(GRACE_S), "OFFLINE_TABLE": OFFLINE}
FEATURES: dict[str, dict[str, str]] = {
    "nothing extra": {},
    "probe": PROBE,
    "related": {"RELATED_TABLES": json.dumps([BY_KEY, BY_INDEX])},
    "history": {"HISTORY_TABLE": HISTORY, "HISTORY_DAYS": "90"},
    "stale": {"DUPLICATES": "stale", "CLIENT_INDEX": "byClient"},
    "newest": {"DUPLICATES": "newest", "CLIENT_INDEX": "byClient"},
    "announcements": {**EVENTS, "CLIENT_INDEX": "byClient"},
    "queue": {"DELIVERY": "queue"},  # for the world: the functions don't know it
}
FEATURES["everything"] = {**PROBE, **EVENTS, **FEATURES["related"], **FEATURES["history"], **FEATURES["newest"]}


@dataclass(frozen=True)
class Ending:
    """A way for a connection to end: what the `$disconnect` event says, if there is one, and how old the connection is by then (s)."""

    code: int | None
    reason: str
    age_s: int = 90
    event: bool = True


ENDINGS = {
    "client closed without a code": Ending(1005, "Client-side close frame status not set"),
    "client closed with a code": Ending(4001, "bye"),
    "navigated away": Ending(1001, ""),
    "idle": Ending(1001, "Going away", 700),
    "closed by the server": Ending(1000, "Connection Closed Normally"),
    "message too big": Ending(1009, ""),
    "expired": Ending(1001, "Going away", LIFETIME_S),
    "cable pulled": Ending(None, "", event=False),
}
BY_SERVER = ENDINGS["closed by the server"]
CLOSED = ENDINGS["client closed without a code"]


@dataclass
class Connection:
    id: str
    client: str
    connected_s: float
    open_from: float  # until `$connect` has finished, @connections says 410
    live: bool = True
    recorded: bool = False  # whether its record has ever been written
    indexed: bool = False  # whether its record is in the index of clients, too: it has a client and a time
    made_s: float = 0.0  # when the test made it: `connected_s`, its age, may say earlier
    ended_s: float = math.inf


@dataclass
class Gateway:
    """API Gateway as far as it matters: which connections live, `@connections`, and the events it owes."""

    clock: Clock
    connections: dict[str, Connection] = field(default_factory=dict)
    owed: list[dict[str, Any]] = field(default_factory=list)  # `$disconnect` events of sockets closed by DELETE @connections, not sent yet

    def answer(self, method: str, path: str, connection_id: str) -> int:
        connection = self.connections.get(connection_id)
        if connection is None or not connection.live or self.clock.now < connection.open_from:
            return 410
        if method == "DELETE":
            self.owed += self.end(connection, BY_SERVER)
            return 204
        return 200

    def end(self, connection: Connection, ending: Ending) -> list[dict[str, Any]]:
        """The connection is dead from now on; the event that API Gateway then sends, unless it notices nothing."""
        connection.live = False
        connection.ended_s = self.clock.now
        if not ending.event:
            return []
        sent = event(
            connectionId=connection.id,
            connectedAt=int(connection.connected_s * 1000),
            requestTimeEpoch=self.clock.ms,
            disconnectStatusCode=ending.code,
            disconnectReason=ending.reason,
            apiId=API_ID,
            stage=STAGE,
        )
        return [sent]


class World:
    """`features`: what both functions' environment says beside the necessary."""

    def __init__(self, backend: FakeAws, proxy: FaultProxy, features: dict[str, str]) -> None:
        self.clock = Clock()
        self.gateway = Gateway(self.clock)
        self.proxy = proxy
        self.aws = backend
        self.features = features
        self.put_off: list[dict[str, Any]] = []  # reports that wait in their queue
        self.lines: list[dict[str, Any]] = []  # what the functions logged
        self.crashes: list[str] = []  # invocations that failed
        self.late: list[str] = []  # invocations that Lambda would have ended
        self.kill_after: int | None = None  # the next invocation dies after so many HTTP calls
        self.was_killed = True  # whether it came that far
        self.faults: list[Fault] = []  # all that were injected
        self._running = ""
        self._http_timeouts: dict[str, float] = {}  # s, by function
        self._real_clients = aws.Clients
        self.dynamodb = SESSION.client("dynamodb", endpoint_url=backend.url)
        self.sqs = SESSION.client("sqs", endpoint_url=backend.url)
        self.environments = 1  # of each function, which take turns
        self._functions: dict[tuple[str, int], ModuleType] = {}
        self._invocations = 0
        self.announced: list[dict[str, Any]] = []  # what came on the bus: each entry's detail, with its detail-type and the time

    @contextlib.contextmanager
    def running(self) -> Iterator[World]:
        """Everything is created, the environment is the functions' own, and time is simulated; afterwards all is as before."""
        self.aws.reset()
        self.aws.sockets = self.gateway.answer
        self.aws.on("PutEvents", self._hear)
        self.proxy.clear()
        self.proxy.requests.clear()
        random.seed(0)  # the same delays each time
        self._create()
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            mock.patch("boto3.DEFAULT_SESSION", SESSION),
            mock.patch("botocore.endpoint.time", self.clock),  # it only sleeps, between retries
            mock.patch("moto.sqs.models.unix_time", self.clock.time),
            mock.patch("moto.sqs.models.unix_time_millis", self.clock.time_ms),
            mock.patch("fast_delete.BUDGET_S", fast_delete.BUDGET_S),  # `fail` may shorten it
            mock.patch("aws.Clients", self._make_clients),
            simulated_time(self.clock),
        ):
            SESSION.events.register("before-send", self._answer)
            try:
                yield self
            finally:
                SESSION.events.unregister("before-send", self._answer)
                self.proxy.clear()

    def _hear(self, request: Request) -> Answer:
        """What comes on the event bus."""
        entries = request.parameters["Entries"]
        for entry in entries:
            assert (entry["EventBusName"], entry["Source"]) == (BUS, "websocket-connections")
            kind = entry["DetailType"].rpartition(" ")[2]
            self.announced.append({**json.loads(entry["Detail"]), "kind": kind, "heard_s": self.clock.now})
        return Answer(200, {"FailedEntryCount": 0, "Entries": [{"EventId": str(len(self.announced))} for _ in entries]})

    def _make_clients(self, timeout: float, attempts: int) -> aws.Clients:
        self._http_timeouts[self._running] = timeout
        return self._real_clients(timeout, attempts)

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{self.proxy.url}/{API_ID}/{STAGE}",
            "HOME": "/nonexistent",
            "CONNECTIONS_TABLE": TABLE,
            "METRICS_NAME": "faults",
            "RETRY_QUEUE_URL": self.queue_url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letter_url,
            "EXPIRED_AFTER_SECONDS": str(EXPIRED_AFTER_S),
            "WEBSOCKET_API_ID": API_ID,
            "WEBSOCKET_STAGE": STAGE,
            **self.features,
        }

    def _create(self) -> None:
        self.dead_letter_url = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead_letter_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 20})
        self.urls = {
            name: self.sqs.create_queue(
                QueueName=name, Attributes={"VisibilityTimeout": str(6 * TIMEOUT_S[function]), "RedrivePolicy": redrive}
            )["QueueUrl"]
            for name, function in QUEUES.items()
        }
        self.queue_url = self.urls["retry"]
        indexes = {"byClient": ("clientId", "connectedAt")} if "CLIENT_INDEX" in self.features else {}
        Table(self.dynamodb, TABLE, **indexes)
        if "RELATED_TABLES" in self.features:
            Table(self.dynamodb, KEYED, ("connectionId", "topic"))
            Table(self.dynamodb, INDEXED, ("room",), byConnection=("connectionId",))
        if "HISTORY_TABLE" in self.features:
            Table(self.dynamodb, HISTORY)
        if "OFFLINE_TABLE" in self.features:
            Table(self.dynamodb, OFFLINE, ("clientId",))

    # What clients do

    def connect(self, client: str, age_s: float = 0, *, connect_takes_s: float = 0, record: bool = True, **attributes: Any) -> Connection:
        """A connection that began `age_s` ago; its `$connect` writes the record with `attributes` (DynamoDB JSON; None leaves one out)."""
        connected = self.clock.now - age_s
        name = f"{client}-{len(self.gateway.connections) + 1}="
        connection = Connection(name, client, connected, connected + connect_takes_s, made_s=self.clock.now)
        self.gateway.connections[connection.id] = connection
        if record:
            self.write_record(connection, **attributes)
        return connection

    def write_record(self, connection: Connection, **attributes: Any) -> None:
        item: dict[str, Any] = {
            "connectionId": {"S": connection.id},
            "clientId": {"S": connection.client},
            "connectedAt": {"N": str(int(connection.connected_s * 1000))},
            "expiresAt": {"N": str(int(connection.connected_s) + 3 * 3600)},
            "apiId": {"S": API_ID},
            "stage": {"S": STAGE},
        }
        item |= attributes
        written = {TABLE: [{name: value for name, value in item.items() if value is not None}]}
        if "RELATED_TABLES" in self.features:
            mine = {"connectionId": {"S": connection.id}}
            written[KEYED] = [{**mine, "topic": {"S": str(number)}} for number in range(2)]
            written[INDEXED] = [{**mine, "room": {"S": f"{connection.id}#{number}"}} for number in range(2)]
        self.dynamodb.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}} for item in items] for table, items in written.items()}
        )
        connection.recorded = True
        connection.indexed = "S" in (item["clientId"] or {}) and "N" in (item["connectedAt"] or {})

    def end(self, connection: Connection, ending: Ending = CLOSED) -> list[dict[str, Any]]:
        return self.gateway.end(connection, ending)

    def close(self, connection: Connection, ending: Ending = CLOSED) -> list[Any]:
        """The connection ends, and its event, if there is one, arrives at once. Returns what was answered."""
        return [self.send(sent) for sent in self.end(connection, ending)]

    # What AWS does

    def send(self, event: dict[str, Any]) -> Any:
        """API Gateway invokes the route once, or sends once to its queue; the answer is for nobody."""
        if "DELIVERY" not in self.features:
            return self.invoke("disconnect", event)
        self.sqs.send_message(QueueUrl=self.urls["disconnects"], MessageBody=rendered(event["requestContext"]))
        return self._poll("disconnects")

    def send_owed(self) -> None:
        while self.gateway.owed:
            self.send(self.gateway.owed.pop())

    def poll(self) -> bool:
        """Lambda's event source mappings: a batch of the first queue that has one. Whether there was one."""
        return self._poll("retry") or ("DELIVERY" in self.features and self._poll("disconnects"))

    def _poll(self, name: str) -> bool:
        """One batch, of which Lambda deletes what did not fail. Whether there was one."""
        url = self.urls[name]
        received = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])
        if not received:
            return False
        records = [
            {
                "messageId": m["MessageId"],
                "receiptHandle": m["ReceiptHandle"],
                "body": m["Body"],
                "attributes": m["Attributes"],
                "eventSourceARN": f"{ARN}:{name}",
            }
            for m in received
        ]
        answer = self.invoke(QUEUES[name], {"Records": records})
        if answer is not None:  # else the messages come back when their visibility time-out is over
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            done = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received) if m["MessageId"] not in failed]
            if done:
                self.sqs.delete_message_batch(QueueUrl=url, Entries=done)
        return True

    def report(self, message: dict[str, Any]) -> None:
        """What a sender says by the reports' queue."""
        answer = self.invoke("cleanup", {"Records": [sqs_record(json.dumps(message), queue="reports")]})
        if answer != {"batchItemFailures": []}:
            self.put_off.append(message)

    def look_at_once(self) -> None:
        """The event of an alarm on lost events."""
        self.invoke("cleanup", {"look_at_once": {"segments": 1}})

    def sweep(self) -> None:
        """The schedule's event."""
        self.invoke("cleanup", {"sweep": {"segment": 0, "segments": 1}})

    def advance(self, seconds: float) -> None:
        """Time goes by; connections that reach their two hours end, and their events arrive."""
        self.clock.sleep(seconds)
        for connection in self.gateway.connections.values():
            if connection.live and self.clock.now - connection.connected_s >= LIFETIME_S:
                self.gateway.owed += self.end(connection, ENDINGS["expired"])
        self.send_owed()

    def drain(self) -> None:
        while self.poll():
            pass

    def until_retried(self) -> None:
        """As long as a retry may take, once what failed works again: no back-off and no visibility time-out is longer."""
        self.advance(900)
        self.drain()
        if "EVENT_BUS" in self.features:  # what was closed just now has queued checks
            self.advance(GRACE_S + 2)
            self.drain()

    def until_swept(self) -> None:
        """As long as a record may outlive its connection when its `$disconnect` was lost: the bound that the README states."""
        bound = SUSPECT_AFTER_S if "PROBES_PER_SECOND" in self.features else EXPIRED_AFTER_S
        for seconds in (SWEEP_EVERY_S, bound - SWEEP_EVERY_S, SWEEP_EVERY_S):
            self.advance(seconds)
            self.sweep()
            self.ask_again()

    def ask_again(self) -> None:
        """What a sweep or a report put off: who is gone is asked about again, who is too young for the first time."""
        self.drain()
        self.advance(AGAIN_S)
        self.drain()
        put_off, self.put_off = self.put_off, []
        for message in put_off:
            self.report(message)

    def invoke(self, name: str, event: object) -> Any:
        """One invocation, and the events of the sockets that it closed."""
        answer = self._invoke(name, event)
        self.send_owed()
        return answer

    def _invoke(self, name: str, event: object) -> Any:
        if self.kill_after is not None:
            call, self.kill_after = self.kill_after, None
            self.was_killed = killed_after(call, self.proxy, name, event, dict(os.environ), self.clock.now, TIMEOUT_S[name])
            return None
        self._running, began = name, self.clock.now
        self._invocations += 1
        environment = (name, self._invocations % self.environments)
        output = io.StringIO()
        context = Context(TIMEOUT_S[name], self.clock)
        try:
            with contextlib.redirect_stdout(output):
                if environment not in self._functions:
                    self._functions[environment] = load(name, self.clock)
                return self._functions[environment].lambda_handler(event, context)
        except Exception as problem:  # Lambda counts it under Errors
            self.crashes.append(f"{name}: {type(problem).__name__}: {problem}")
            return None
        finally:
            if self.clock.now - began > TIMEOUT_S[name]:
                self.late.append(f"{name} took {self.clock.now - began:.0f} s")
            self.lines += [json.loads(line) for line in output.getvalue().splitlines()]

    # Faults

    def fail(self, service: str, what: str, operation: str | None = None, table: str | None = None) -> Fault:
        """See local/fault_proxy.py. Hanging calls time out on the simulated clock; only the fast path's really hang, for a moment."""

        def where(request: ProxyRequest) -> bool:
            if table is not None and table not in (request.json.get("TableName"), *request.json.get("RequestItems", ())):
                return False
            if what == "hang":
                self.clock.sleep(self._http_timeouts.get(self._running, FAST_TIMEOUT_S))
            return True

        if what == "hang":
            fast_delete.BUDGET_S = 0.1
        fault = self.proxy.fail(service, what, operation=operation, where=where)
        self.faults.append(fault)
        return fault

    def _answer(self, request: Any, event_name: str, **_: object) -> AWSResponse | None:
        """Answers a function's boto3 without a socket where no fault can be met. A call that hangs times out at once."""
        if not request.url.startswith(f"{self.proxy.url}/"):
            return None
        service, operation = event_name.split(".")[1:]
        call = ProxyRequest(SIGNED_AS.get(service, service), operation, request.url, request.body or b"", "boto3")
        faults = [fault for fault in self.faults if fault.concerns(call.service, operation)]
        for fault in faults:
            if fault.what == "hang" and fault.meets(call, random.Random()):
                fault.hits += 1
                raise ReadTimeoutError(endpoint_url=request.url)
        return None if faults else self.aws.respond(request)

    def fail_in_turn(self, service: str, whats: list[str]) -> None:
        """Every call fails, each with the next of these faults."""
        turns: dict[int, int] = {}  # by the request, of which the proxy keeps all

        def turn(request: Any) -> int:
            return turns.setdefault(id(request), len(turns)) % len(whats)

        def comes(number: int) -> Callable[[Any], bool]:
            return lambda request: turn(request) == number

        self.faults += [self.proxy.fail(service, what, where=comes(number)) for number, what in enumerate(whats)]

    def heal(self) -> None:
        self.proxy.clear()
        self.aws.handlers = {"PutEvents": self._hear}

    # What is true

    def records(self, table: str = TABLE) -> list[Item]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    def messages(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        return sum(map(int, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))

    def problems(self) -> list[str]:
        """What is untrue, unhandled or unaccounted for; empty when all is well. Say what was expected to fail before asking."""
        return [*self.untruths(), *self.losses(), *self.noise()]

    def untruths(self) -> list[str]:
        """The table against the gateway."""
        keys = {record["connectionId"]["S"] for record in self.records()}
        live = {connection.id for connection in self.gateway.connections.values() if connection.live and connection.recorded}
        return [f"record of a dead connection: {key}" for key in sorted(keys - live)] + [
            f"no record of a live connection: {key}" for key in sorted(live - keys)
        ]

    def losses(self) -> list[str]:
        """Related items and history against the connections; messages that are nowhere to be explained."""
        found = []
        closed = {c.id for c in self.gateway.connections.values() if c.recorded and not c.live}
        live = {c.id for c in self.gateway.connections.values() if c.recorded and c.live}
        if "RELATED_TABLES" in self.features:
            for table in (KEYED, INDEXED):
                items = Counter(item["connectionId"]["S"] for item in self.records(table))
                found += [f"{table}: {items[key]} items of dead {key}" for key in sorted(closed) if items[key]]
                found += [f"{table}: items of live {key} are missing" for key in sorted(live) if items[key] != 2]
        if "HISTORY_TABLE" in self.features:
            written = Counter(item["connectionId"]["S"] for item in self.records(HISTORY))
            found += [f"history: {written[key]} items of closed {key}" for key in sorted(closed) if written[key] != 1]
            found += [f"history: {key} lives" for key in sorted(live) if written[key]]
        if "EVENT_BUS" in self.features:
            found += self._unheard(closed, live)
        for name, url in {**self.urls, "dead letters": self.dead_letter_url}.items():
            if count := self.messages(url):
                found.append(f"{name}: {count} messages")
        return found

    def _unheard(self, closed: set[str], live: set[str]) -> list[str]:
        """Announcements that are missing, untrue, or come again under another id. Where a client's every connection is in the index."""
        ids = {detail["connectionId"]: detail["id"] for detail in self.announced if detail["kind"] == "Ended"}
        found = [f"announcements: the end of {key} is missing" for key in sorted(closed - ids.keys())]
        found += [f"announcements: the end of {key}, which lives" for key in sorted(live & ids.keys())]
        found += [f"announcements: the end of {key} as {name}" for key, name in ids.items() if name != f"ended/{key}"]
        clients: dict[str, list[Connection]] = {}
        for connection in self.gateway.connections.values():
            if connection.recorded:
                clients.setdefault(connection.client, []).append(connection)
        for client, connections in clients.items():
            if all(connection.indexed for connection in connections):
                found += self._unheard_offline(client, connections)
        return found

    def _unheard_offline(self, client: str, connections: list[Connection]) -> list[str]:
        found = []
        ended_s = {connection.id: connection.ended_s for connection in connections}
        absences: dict[float, set[str]] = {}  # since when (s) the client had no connection -> the ids under which that was heard
        heard = [detail for detail in self.announced if detail["kind"] == "Offline" and detail["clientId"] == client]
        for detail in heard:
            if any(c.made_s < detail["heard_s"] and c.ended_s > detail["heard_s"] - GRACE_S for c in connections):
                found.append(f"announcements: {client}, who was connected less than {GRACE_S} s ago, as offline")
            absences.setdefault(_absent_from(ended_s[detail["connectionId"]], connections), set()).add(detail["id"])
        found += [f"announcements: {client} is offline as {sorted(ids)}" for ids in absences.values() if len(ids) > 1]
        last = max(ended_s.values())
        if last < math.inf and not any(detail["heard_s"] > last for detail in heard):
            found.append(f"announcements: that {client} is offline is missing")
        return found

    def noise(self) -> list[str]:
        """Failed and overlong invocations; connections counted as removed more than once."""
        removed = Counter(line["connectionId"] for line in self.lines if line["outcome"] == "removed")
        mute = [line for line in self.lines if line["level"] == "ERROR" and not {"error", "Failures", "_aws"} <= line.keys()]
        return [
            *self.crashes,
            *self.late,
            *map(str, mute),
            *(f"{key} removed {count} times" for key, count in removed.items() if count > 1),
        ]


def _absent_from(moment: float, connections: list[Connection]) -> float:
    """When (s), from `moment` on, a client first had none of its connections."""
    for connection in sorted(connections, key=lambda c: c.made_s):
        if connection.made_s <= moment < connection.ended_s:
            moment = connection.ended_s
    return moment
