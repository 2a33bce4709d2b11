"""One environment on a local AWS: the platform's WebSocket API (another stack, as in an account) and the env folder, both unchanged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local.aws import REGION, REPOSITORY, LocalAws

from .terraform import Root

STATE_BUCKET = "terraform-state"
TABLES = {
    "dev": "SecurityEventWebSocketConnections-dev",
    "staging": "SecurityEventWebSocketConnections-staging",
    "prod": "SecurityEventWebSocketConnections",
}


@dataclass
class Stack:
    name: str
    aws: LocalAws
    platform: Root
    env: Root

    @classmethod
    def on(cls, aws: LocalAws, name: str) -> Stack:
        folder = aws.folder / name
        platform = Root(
            REPOSITORY / "examples" / "websocket-api",
            aws.environment,
            folder / "platform",
            state=folder / "platform.tfstate",
            name=f"history-{name}",
            stage=name,
            connections_table=TABLES[name],
        )
        return cls(name, aws, platform, Root(REPOSITORY / "envs" / name, aws.environment, folder / "env"))

    def init(self) -> None:
        s3 = self.aws.client("s3")
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=STATE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.platform.init()
        self.env.init(bucket=STATE_BUCKET, region=REGION)

    def apply(self) -> None:
        self.platform.apply()
        self.env.apply()

    def destroy(self) -> None:
        self.env.destroy()
        self.platform.destroy()

    def broadcaster(self) -> Root:
        """examples/broadcaster for this environment, once it is applied."""
        outputs = {"websocket_api": self.platform.outputs()["websocket_api"]}
        outputs |= {name: self.outputs[name] for name in ("connections_table", "report_gone")}
        folder, variables = self.aws.folder / self.name, {name: json.dumps(value) for name, value in outputs.items()}
        data, state, name = folder / "broadcaster", folder / "broadcaster.tfstate", f"history-{self.name}-broadcast"
        return Root(REPOSITORY / "examples" / "broadcaster", self.aws.environment, data, state=state, name=name, **variables)

    def broadcast(self, **event: Any) -> dict[str, int]:
        """What the broadcaster answers."""
        name = f"history-{self.name}-broadcast"
        answer = self.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read()
        return dict(json.loads(answer))

    @property
    def table(self) -> str:
        return TABLES[self.name]

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return self.env.outputs()

    @property
    def api_id(self) -> str:
        return str(self.outputs["websocket_api_id"])

    @property
    def url(self) -> str:
        return self.aws.websocket_url(self.api_id, self.name)

    @property
    def retry_queue(self) -> str:
        return str(self.outputs["retry_queue"]["url"])

    def table_description(self) -> dict[str, Any]:
        return dict(self.aws.client("dynamodb").describe_table(TableName=self.table)["Table"])

    def log_lines(self, function: str) -> list[dict[str, Any]]:
        """What the function wrote so far: "disconnect" or "cleanup"."""
        pages = self.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group(self.name, function))
        messages = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(message) for message in messages if message.startswith("{")]

    def errors(self, function: str) -> int:
        """How many of the function's invocations failed so far: Lambda's own metric."""
        names = [{"Name": "FunctionName", "Value": f"history-{self.name}-{function}"}]
        metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": names, "Period": 86400, "Statistics": ["Sum"]}
        now = time.time()
        found = self.aws.client("cloudwatch").get_metric_statistics(**metric, StartTime=now - 86400, EndTime=now + 60)
        return int(sum(point["Sum"] for point in found["Datapoints"]))

    def age(self, records: Iterable[dict[str, Any]], ms: int) -> None:
        """Rewrite records as if their connections had been made that much earlier."""
        dynamodb = self.aws.client("dynamodb")
        for record in list(records):
            connected_at = {"N": str(int(record["connectedAt"]["N"]) - ms)}
            dynamodb.put_item(TableName=self.table, Item={**record, "connectedAt": connected_at})

    def sweep(self) -> None:
        """Do what EventBridge Scheduler does when the time has come."""
        scheduler = self.aws.client("scheduler")
        for schedule in scheduler.list_schedules(NamePrefix=f"history-{self.name}")["Schedules"]:
            target = scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])["Target"]
            self.aws.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"])

    def messages(self, queue: str = "") -> int:
        """How many messages the queue with this URL, or else the retry queue, holds, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=queue or self.retry_queue, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def records(self) -> list[dict[str, Any]]:
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def removers(self) -> dict[str, list[str]]:
        """By connection, who asked DynamoDB to delete its record: "Boto3", or "" for the fast path, which sends no User-Agent."""
        found: dict[str, list[str]] = {}
        for request in list(self.aws.faults.requests):
            if request.operation == "DeleteItem" and request.json["TableName"] == self.table:
                found.setdefault(request.json["Key"]["connectionId"]["S"], []).append(request.agent.partition("/")[0])
        return found

    def clear(self) -> None:
        """Forget all records, and what is still to be retried."""
        self.aws.client("sqs").purge_queue(QueueUrl=self.retry_queue)
        for record in self.records():
            self.aws.client("dynamodb").delete_item(TableName=self.table, Key={"connectionId": record["connectionId"]})


def log_group(name: str, function: str) -> str:
    """Of an environment's "disconnect" or "cleanup"."""
    return f"/aws/lambda/history-{name}-{function}"


def leftovers(aws: LocalAws) -> list[str]:
    """Whatever is still in the account, but for Terraform's own state bucket."""
    lists: dict[str, Callable[[], list[Any]]] = {
        "function": lambda: [f["FunctionName"] for f in aws.client("lambda").list_functions()["Functions"]],
        "table": lambda: list(aws.client("dynamodb").list_tables()["TableNames"]),
        "queue": lambda: list(aws.client("sqs").list_queues().get("QueueUrls", [])),
        "role": lambda: [r["RoleName"] for r in aws.client("iam").list_roles()["Roles"]],
        "log group": lambda: [g["logGroupName"] for g in aws.client("logs").describe_log_groups()["logGroups"]],
        "API": lambda: [a["Name"] for a in aws.client("apigatewayv2").get_apis()["Items"]],
        "schedule": lambda: [s["Name"] for s in aws.client("scheduler").list_schedules()["Schedules"]],
        "rule": lambda: [r["Name"] for r in aws.client("events").list_rules()["Rules"]],
        "alarm": lambda: [a["AlarmName"] for a in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "event source mapping": lambda: [m["UUID"] for m in aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]],
    }
    return [f"{kind} {name}" for kind, names in lists.items() for name in names()]
