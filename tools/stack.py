"""One environment on a local AWS: the env folder, and the other stack that owns the WebSocket API. Both folders are unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from local.aws import REGION, REPOSITORY, LocalAws

from . import program
from .deployment import Deployment
from .terraform import Root

STATE_BUCKET = "terraform-state"
TABLES = {
    "dev": "SecurityEventWebSocketConnections-dev",
    "staging": "SecurityEventWebSocketConnections-staging",
    "prod": "SecurityEventWebSocketConnections",
}
PLATFORM = REPOSITORY / "examples" / "websocket-api"  # the stack that owns an environment's WebSocket API


def platform_variables(env: str) -> dict[str, str]:
    return {"name": f"security-events-{env}", "stage": env, "connections_table": TABLES[env]}


class Stack(Deployment):
    """`root` is envs/dev, for example; `platform` has its API."""

    aws: LocalAws

    def __init__(self, aws: LocalAws, env: str) -> None:
        self.env_name, folder = env, aws.folder / env
        self.root = Root(REPOSITORY / "envs" / env, aws.environment, folder / "env")
        super().__init__(aws, self._outputs)
        state = folder / "platform.tfstate"
        self.platform = Root(PLATFORM, aws.environment, folder / "platform", state=state, **platform_variables(env))

    def _outputs(self) -> dict[str, Any]:
        own = self.root.outputs()
        functions = {f"{which}_function": function for which, function in own["functions"].items()}
        return {**own, **functions, "websocket_api": {"id": own["websocket_api_id"], "stage": self.env_name}}

    def init(self) -> None:
        s3 = self.aws.client("s3")
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=STATE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.platform.init()
        self.root.init(bucket=STATE_BUCKET, region=REGION)

    def apply(self) -> None:
        self.platform.apply()
        self.root.apply()

    def apply_step_by_step(self) -> None:
        """Init and apply, and say what happens."""
        program.say("\nTerraform, with the repository's folders")
        with program.step(f"init of examples/websocket-api (the API) and envs/{self.env_name}"):
            self.init()
        with program.step("apply of examples/websocket-api"):
            self.platform.apply()
        with program.step(f"apply of envs/{self.env_name} (about a minute: the provider waits 25 s after each change of a queue)"):
            self.root.apply()

    def destroy(self) -> None:
        self.root.destroy()
        self.platform.destroy()

    def broadcaster(self) -> Root:
        """examples/broadcaster for this environment, once it is applied."""
        outputs = {"websocket_api": self.platform.outputs()["websocket_api"]}
        outputs |= {name: self.outputs[name] for name in ("connections_table", "report_gone")}
        return Root(
            REPOSITORY / "examples" / "broadcaster",
            self.aws.environment,
            self.aws.folder / self.env_name / "broadcaster",
            state=self.aws.folder / self.env_name / "broadcaster.tfstate",
            name=f"{self.name}-broadcast",
            **{name: json.dumps(value) for name, value in outputs.items()},
        )

    def broadcast(self, **event: Any) -> dict[str, int]:
        """What the broadcaster answers."""
        answer = self.aws.client("lambda").invoke(FunctionName=f"{self.name}-broadcast", Payload=json.dumps(event))["Payload"].read()
        return dict(json.loads(answer))


def removers(on: Deployment) -> dict[str, list[str]]:
    """Which client deleted a connection's record: "Boto3", or "" for the fast path, which sends no User-Agent."""
    found: dict[str, list[str]] = {}
    for request in list(on.aws.faults.requests) if isinstance(on.aws, LocalAws) else []:
        if request.operation == "DeleteItem" and request.json["TableName"] == on.table:
            found.setdefault(request.json["Key"]["connectionId"]["S"], []).append(request.agent.partition("/")[0])
    return found


def leftovers(aws: LocalAws) -> list[str]:
    """What is in the account, except Terraform's state bucket."""
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
