"""What Terraform has deployed, found by its outputs: ways to look at it, and to change it for as long as a block runs.

The same for a stack on the local AWS and for one in an account.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from local.aws import LocalAws

from .clients import Client, open_clients
from .prove.account import Account

FUNCTIONS = ("disconnect", "cleanup")
METRICS = "WebSocketConnections"  # the functions' own namespace
LINES_WITHIN_S = 90  # how long a line may take to reach CloudWatch
LATE_MS = 60_000  # how much later than its time a line may come
SCHEDULE_FIELDS = ("Name", "GroupName", "Description", "ScheduleExpression", "FlexibleTimeWindow", "Target")

Found = TypeVar("Found")
Record = dict[str, Any]  # as DynamoDB has it
Line = dict[str, Any]  # of a log


def plain(record: Record) -> dict[str, Any]:
    """Without DynamoDB's types."""
    return {name: json.loads(value["N"]) if "N" in value else value.get("S") for name, value in record.items()}


def statistic(
    aws: LocalAws | Account, namespace: str, name: str, dimensions: dict[str, str], when: tuple[float, float, int], kind: str = "Sum"
) -> dict[float, float]:
    """A metric's values by time. `when`: start and end (epoch s), and the period."""
    start, end, period = when
    its = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=name, Dimensions=its, StartTime=start, EndTime=end, Period=period, Statistics=[kind]
    )
    return {point["Timestamp"].timestamp(): point[kind] for point in found["Datapoints"]}


class Deployment:
    """`outputs` reads those of examples/complete, or as many of them as are needed."""

    def __init__(self, aws: LocalAws | Account, outputs: Callable[[], dict[str, Any]]) -> None:
        self.aws, self._read = aws, outputs
        self.began = time.time()  # older lines and metrics belong to another deployment

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return self._read()

    # Names. `which` is "disconnect" or "cleanup".

    @property
    def name(self) -> str:
        """The module's `name`."""
        return self.function("disconnect").removesuffix("-disconnect")

    def function(self, which: str) -> str:
        return str(self.outputs[f"{which}_function"]["name"])

    def role(self, which: str) -> str:
        return str(self.outputs[f"{which}_function"]["role_name"])

    @property
    def table(self) -> str:
        return str(self.outputs["connections_table"]["name"])

    @property
    def url(self) -> str:
        """Where clients connect."""
        api = self.outputs["websocket_api"]
        return self.aws.websocket_url(api["id"], api["stage"])

    @property
    def retry_queue(self) -> str:
        return str(self.outputs["retry_queue"]["url"])

    @property
    def dead_letters(self) -> str:
        return str(self.outputs["retry_queue"]["dead_letter_url"])

    @property
    def report_queue(self) -> str:
        return str(self.outputs["report_gone"]["queue_url"])

    # Looks

    def records(self) -> list[Record]:
        return list(self.items(self.table))

    def items(self, table: str) -> Iterator[Record]:
        for page in self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    @cached_property
    def connections(self) -> Any:
        """A client of @connections, which is where the clients are."""
        return self.aws.client("apigatewaymanagementapi", endpoint_url=self.url.replace("ws", "http", 1))

    def ask(self, call: str, connection_id: str, **arguments: Any) -> int:
        """The HTTP status that @connections answers to get_connection, post_to_connection or delete_connection."""
        try:
            answer = getattr(self.connections, call)(ConnectionId=connection_id, **arguments)
        except ClientError as problem:
            answer = problem.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    def events(self, which: str, since_ms: int) -> Iterator[dict[str, Any]]:
        """CloudWatch's entries of a function's log that are JSON."""
        group = self.outputs[f"{which}_function"]["log_group_name"]
        for page in self.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms):
            yield from (event for event in page["events"] if event["message"].startswith("{"))

    def lines(self, which: str = "disconnect", outcome: str | None = None) -> list[Line]:
        """What a function, and Lambda for it, has logged so far; with `outcome`, only such lines."""
        lines = (json.loads(event["message"]) for event in self.events(which, int(self.began * 1000)))
        return [line for line in lines if outcome in (None, line.get("outcome"))]

    def lines_about(self, ids: set[str], seconds: float = LINES_WITHIN_S, which: str = "disconnect") -> dict[str, list[Line]]:
        """The lines by connection. Waits until each of these connections has one."""

        def look() -> dict[str, list[Line]]:
            found: dict[str, list[Line]] = {}
            for line in self.lines(which):
                if line.get("connectionId") in ids:
                    found.setdefault(line["connectionId"], []).append(line)
            return found

        return until(look, lambda found: found.keys() == ids, seconds)

    def messages(self, queue: str) -> int:
        """How many messages the queue with this URL holds, visible or not."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def metric(self, namespace: str, name: str, **dimensions: str) -> int:
        """The metric's sum since `began`."""
        return int(sum(statistic(self.aws, namespace, name, dimensions, (self.began - 300, time.time() + 60, 300)).values()))

    def alarm_state(self, alarm: str) -> str:
        [found] = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{self.name}-{alarm}"])["MetricAlarms"]
        return str(found["StateValue"])

    def schedules(self) -> list[dict[str, Any]]:
        """The sweep's schedules."""
        scheduler = self.aws.client("scheduler")
        found = scheduler.list_schedules(NamePrefix=self.name)["Schedules"]
        return [scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"]) for schedule in found]

    # Changes

    def sweep(self, wait: bool = True) -> None:
        """Do what the schedules do."""
        for target in [schedule["Target"] for schedule in self.schedules()]:
            kind = "RequestResponse" if wait else "Event"
            self.aws.client("lambda").invoke(FunctionName=target["Arn"], InvocationType=kind, Payload=target["Input"])

    def age(self, records: Iterable[Record], ms: int) -> None:
        """Rewrite records as if their connections were that much older."""
        for record in list(records):
            connected_at = {"N": str(int(record["connectedAt"]["N"]) - ms)}
            self.aws.client("dynamodb").put_item(TableName=self.table, Item={**record, "connectedAt": connected_at})

    def send(self, queue: str, message: dict[str, Any]) -> None:
        self.aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message))

    def clear(self) -> None:
        """Delete all records, retries and dead letters."""
        for queue in (self.retry_queue, self.dead_letters):
            self.aws.client("sqs").purge_queue(QueueUrl=queue)
        self.delete_records()

    def delete_records(self) -> None:
        for record in self.records():
            self.aws.client("dynamodb").delete_item(TableName=self.table, Key={"connectionId": record["connectionId"]})

    def configure(self, which: str, **settings: Any) -> dict[str, Any]:
        """Change a function's configuration, wait until it is in force, and return what it was."""
        functions, name = self.aws.client("lambda"), self.function(which)
        before: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
        functions.update_function_configuration(FunctionName=name, **settings)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        return {setting: before[setting] for setting in settings}

    def set_log_levels(self, which: str, **levels: str) -> dict[str, Any]:
        """SystemLogLevel, ApplicationLogLevel. Returns the configuration before, for `configure`."""
        now = self.aws.client("lambda").get_function_configuration(FunctionName=self.function(which))["LoggingConfig"]
        return self.configure(which, LoggingConfig={**now, **levels})

    # Each of these changes something at once, and takes it back when the `with` block ends.

    def variables(self, which: str, without: tuple[str, ...] = (), **more: str) -> ExitStack:
        """The function with other environment variables."""
        own = self.aws.client("lambda").get_function_configuration(FunctionName=self.function(which))["Environment"]["Variables"]
        kept = {name: value for name, value in own.items() if name not in without}
        return _undone_by(self.configure, which, **self.configure(which, Environment={"Variables": {**kept, **more}}))

    def without_statement(self, role: str, sid: str, policy: str = "") -> ExitStack:
        """A role without one statement of an inline policy, by default its first one."""
        iam = self.aws.client("iam")
        its = {"RoleName": role, "PolicyName": policy or iam.list_role_policies(RoleName=role)["PolicyNames"][0]}
        whole = iam.get_role_policy(**its)["PolicyDocument"]
        part = [statement for statement in whole["Statement"] if statement.get("Sid") != sid]
        if len(part) == len(whole["Statement"]):
            raise ValueError(f"the role {role} has no statement {sid}")
        if part:
            iam.put_role_policy(**its, PolicyDocument=json.dumps({**whole, "Statement": part}))
        else:
            iam.delete_role_policy(**its)
        return _undone_by(iam.put_role_policy, **its, PolicyDocument=json.dumps(whole))

    def reserved(self, which: str, executions: int) -> ExitStack:
        """The function with reserved concurrency; 0 stops it."""
        functions, name = self.aws.client("lambda"), self.function(which)
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)
        return _undone_by(functions.delete_function_concurrency, FunctionName=name)

    def schedules_off(self) -> ExitStack:
        update, undone = self.aws.client("scheduler").update_schedule, ExitStack()
        for schedule in self.schedules():
            its = {name: schedule[name] for name in SCHEDULE_FIELDS}
            update(**its, State="DISABLED")
            undone.callback(update, **its, State="ENABLED")
        return undone


def _undone_by(undo: Callable[..., object], *arguments: Any, **named: Any) -> ExitStack:
    undone = ExitStack()
    undone.callback(undo, *arguments, **named)
    return undone


class News:
    """What is new at each look: ("came" or "left", the record), and ("disconnect" or "cleanup", its log line)."""

    def __init__(self, on: Deployment) -> None:
        self._on = on
        self.records: dict[str, Record] = {}  # by connectionId, at the last look
        self._seen: set[str] = set()  # ids of log entries
        self._since = int(time.time() * 1000)

    def look(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads the logs before the table, so that the line about a removal is usually seen first."""
        for which in FUNCTIONS:
            events = [event for event in self._on.events(which, self._since) if event["eventId"] not in self._seen]
            self._seen.update(event["eventId"] for event in events)
            self._since = max([self._since, *(event["timestamp"] - LATE_MS for event in events)])
            yield from ((which, json.loads(event["message"])) for event in events)
        before, self.records = self.records, {record["connectionId"]["S"]: record for record in self._on.records()}
        yield from (("came", self.records[key]) for key in self.records.keys() - before.keys())
        yield from (("left", before[key]) for key in before.keys() - self.records.keys())


class Watch:
    """Reads the table again and again, and notes when each client's record came and went."""

    def __init__(self, on: Deployment) -> None:
        self._on = on
        self.records: dict[str, Record] = {}  # by client's name
        self.gone_at: dict[str, float] = {}  # time.monotonic() by client's name
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def connect(self, names: Iterable[str]) -> list[Client]:
        """Open a client with each name, and wait until the table has their records."""
        clients = open_clients(self._on.url, names)
        self.wait_until_there(client.name for client in clients)
        return clients

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def wait_for_fewer(self, seconds: float) -> bool:
        before = len(self.records)
        return self.wait_for(lambda: len(self.records) < before, seconds)

    def wait_until_there(self, names: Iterable[str], seconds: float = 60) -> bool:
        come = set(names)
        return self.wait_for(lambda: come <= self.records.keys(), seconds)

    def wait_until_gone(self, names: Iterable[str], seconds: float = 60) -> bool:
        ended = set(names)
        return self.wait_for(lambda: not ended & self.records.keys(), seconds)

    def leave(self, clients: Sequence[Client], *code_and_reason: Any) -> bool:
        """Close clients, and wait until their records are gone."""
        for client in clients:
            client.close(*code_and_reason)
        return self.wait_until_gone(client.name for client in clients)

    def ids(self, names: Iterable[str]) -> dict[str, str]:
        """The connectionIds of those in the table, by name."""
        return {name: self.records[name]["connectionId"]["S"] for name in names if name in self.records}

    def _follow(self) -> None:
        while not self._stop.is_set():
            now = {(record.get("clientId") or record["connectionId"])["S"]: record for record in self._on.records()}
            with self._changed:
                self.gone_at.update(dict.fromkeys(self.records.keys() - now.keys(), time.monotonic()))
                self.records = now
                self._changed.notify_all()
            self._stop.wait(0.1)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


def until(look: Callable[[], Found], enough: Callable[[Found], bool] = bool, seconds: float = 0, every: float = 0.5) -> Found:
    """Look again and again until it is enough or the time (s) is over. Returns what was found last."""
    deadline = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return found
