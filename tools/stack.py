"""One environment on a local AWS: the platform's WebSocket API (another stack, as in an account) and the env folder, both unchanged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

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

    @property
    def table(self) -> str:
        return TABLES[self.name]

    @property
    def api_id(self) -> str:
        return str(self.env.outputs()["websocket_api_id"])
