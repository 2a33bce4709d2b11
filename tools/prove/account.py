"""The AWS account and region of the usual variables and files. AWS_ENDPOINT_URL can put an emulator in AWS's place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32)


class CannotStartError(Exception):
    """The proof does not start. The text says what to do."""


@dataclass(frozen=True)
class Account:
    session: boto3.Session = field(repr=False)
    id: str
    arn: str  # whose credentials these are
    region: str
    endpoint: str | None  # an emulator's; None = AWS

    @classmethod
    def of_environment(cls) -> Account:
        """Raises CannotStartError if the environment names no usable account."""
        try:
            session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 itself reads AWS_DEFAULT_REGION only
            if not session.region_name:
                raise CannotStartError(
                    "No AWS region is set. Set AWS_REGION, for example AWS_REGION=eu-central-1, or use a profile with a region."
                )
            if session.get_credentials() is None:
                raise CannotStartError(
                    "No AWS credentials found. Set AWS_PROFILE (after `aws sso login`, for example), or "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without an account, `make prove LOCAL=1` does the same on an emulator."
                )
            identity = session.client("sts", config=CONFIG).get_caller_identity()
        except (BotoCoreError, ClientError) as problem:
            raise CannotStartError(f"AWS did not accept these credentials: {problem}. Renew them, or fix that problem.") from None
        return cls(session, identity["Account"], identity["Arn"], session.region_name, os.environ.get("AWS_ENDPOINT_URL"))

    @cache  # noqa: B019, one account for each run of the program
    def client(self, service: str, **options: Any) -> Any:
        return self.session.client(service, config=CONFIG, **options)

    def websocket_url(self, api_id: str, stage: str) -> str:
        if self.endpoint:  # an emulator has one address for all APIs
            return f"ws://{urlsplit(self.endpoint).netloc}/_aws/execute-api/{api_id}/{stage}"
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"wss://{api_id}.execute-api.{self.region}.{suffix}/{stage}"
