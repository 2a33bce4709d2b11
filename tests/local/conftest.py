"""A WebSocket API with tiny functions, to try the local AWS itself."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from local.aws import REGION, LocalAws
from tools.permissions import websocket_api

ARN = f"arn:aws:{{}}:{REGION}:000000000000:{{}}"
LAMBDA_URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ARN.format('lambda', 'function:{}')}/invocations"
SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
KEEP_EVENT = """
    import boto3, json
    def handler(event, context):
        boto3.client("sqs").send_message(QueueUrl="QUEUE", MessageBody=json.dumps(event))
        return {"statusCode": 200}
"""


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def role(aws: LocalAws, *allow: dict[str, Any], service: str = "lambda.amazonaws.com", path: str = "/") -> str:
    """The ARN of a new role that this service can take, and that may do what `allow` says."""
    name, iam = f"role-{uuid.uuid4().hex[:8]}", aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    arn = str(iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
    if allow:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*allow))
    return arn


@dataclass
class Api:
    """An API whose routes are added one by one; `events` is a queue that functions write to."""

    aws: LocalAws
    id: str
    execution_arn: str
    events: str
    functions: list[str] = field(default_factory=list)

    def function(self, code: str, **settings: Any) -> str:
        """Create a function whose role may send to `events`; its name. QUEUE in its code is `events`."""
        name, archive = f"f-{uuid.uuid4().hex[:8]}", io.BytesIO()
        settings = {"Role": role(self.aws, SEND), "Timeout": 10, "Runtime": "python3.13", "Handler": "index.handler", **settings}
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", textwrap.dedent(code).replace("QUEUE", self.events))
        self.aws.client("lambda").create_function(FunctionName=name, Code={"ZipFile": archive.getvalue()}, **settings)
        self.functions.append(name)
        return name

    def route(self, key: str, function: str) -> None:
        """Send the route to the function, which permits it."""
        gateway, functions = self.aws.client("apigatewayv2"), self.aws.client("lambda")
        leads = {"IntegrationType": "AWS_PROXY", "IntegrationUri": LAMBDA_URI.format(function)}
        integration = gateway.create_integration(ApiId=self.id, **leads)["IntegrationId"]
        gateway.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{integration}")
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
        functions.add_permission(FunctionName=function, StatementId=key[1:], **allowed, SourceArn=f"{self.execution_arn}/live/{key}")

    def connect(self, **options: Any) -> AbstractContextManager[ClientConnection]:
        client: AbstractContextManager[ClientConnection] = connect(self.aws.websocket_url(self.id, "live"), proxy=None, **options)
        return client

    def next_event(self, wait: int = 10) -> dict[str, Any] | None:
        """The next event that a function kept, or None when there is none within `wait` seconds."""
        sqs = self.aws.client("sqs")
        for message in sqs.receive_message(QueueUrl=self.events, WaitTimeSeconds=wait).get("Messages", []):
            sqs.delete_message(QueueUrl=self.events, ReceiptHandle=message["ReceiptHandle"])
            return dict(json.loads(message["Body"]))
        return None


@pytest.fixture
def api(aws: LocalAws) -> Iterator[Api]:
    its = websocket_api(aws)
    api = Api(aws, its["id"], its["execution_arn"], aws.client("sqs").create_queue(QueueName=its["id"])["QueueUrl"])
    yield api
    aws.client("apigatewayv2").delete_api(ApiId=api.id)
    for function in api.functions:
        aws.client("lambda").delete_function(FunctionName=function)


@pytest.fixture
def observed(api: Api) -> Api:
    """The API with $connect and $disconnect going to a function that keeps their events."""
    function = api.function(KEEP_EVENT)
    api.route("$connect", function)
    api.route("$disconnect", function)
    return api
