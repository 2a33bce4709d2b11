"""Whose account and region this is, and the ways to reach what is in it.

Credentials, region and profile come from the variables and files that every AWS tool reads. AWS_ENDPOINT_URL puts an emulator in AWS's
place; nothing else tells the two apart.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32)


class RefusedError(Exception):
    """The proof does not begin; the text says what to do."""


@dataclass
class Account:
    session: boto3.Session = field(repr=False)
    id: str
    arn: str  # whose credentials these are
    region: str
    endpoint: str | None  # of an emulator, in AWS's place
    _clients: dict[tuple[str, str | None], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of_environment(cls) -> Account:
        """The account of the usual variables. Raises RefusedError if there is none."""
        try:
            session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 itself reads AWS_DEFAULT_REGION only
            if not session.region_name:
                raise RefusedError(
                    "No AWS region is set. Set AWS_REGION, for example AWS_REGION=eu-central-1, or use a profile with a region."
                )
            if session.get_credentials() is None:
                raise RefusedError(
                    "No AWS credentials found. Set AWS_PROFILE (after `aws sso login`, for example), or "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without an account, `make prove LOCAL=1` does the same on an emulator."
                )
            identity = session.client("sts", config=CONFIG).get_caller_identity()
        except (BotoCoreError, ClientError) as problem:
            raise RefusedError(f"AWS did not accept these credentials: {problem}. Renew them, or fix that problem.") from None
        return cls(session, identity["Account"], identity["Arn"], session.region_name, os.environ.get("AWS_ENDPOINT_URL"))

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """Of a service, at its own endpoint unless another is given."""
        if (service, endpoint) not in self._clients:
            self._clients[service, endpoint] = self.session.client(service, endpoint_url=endpoint, config=CONFIG)
        return self._clients[service, endpoint]

    def websocket_url(self, api_id: str, stage: str) -> str:
        """Where clients of a stage connect; an emulator has one address for all APIs."""
        if self.endpoint:
            return f"ws://{urlsplit(self.endpoint).netloc}/_aws/execute-api/{api_id}/{stage}"
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"wss://{api_id}.execute-api.{self.region}.{suffix}/{stage}"

    def connections(self, api_id: str, stage: str) -> Any:
        """A client of the stage's @connections."""
        return self.client("apigatewaymanagementapi", self.websocket_url(api_id, stage).replace("ws", "http", 1))
