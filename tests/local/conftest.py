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

from local.aws import LocalAws

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
KEEP_EVENT = """
    import boto3, json
    def handler(event, context):
        boto3.client("sqs").send_message(QueueUrl="QUEUE", MessageBody=json.dumps(event))
        return {"statusCode": 200}
"""


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass
class Api:
    """An API whose routes are added one by one; `events` is a queue that functions write to."""

    aws: LocalAws
    id: str
    execution_arn: str
    events: str
    functions: list[str] = field(default_factory=list)

    def function(self, code: str, allow: list[dict[str, Any]] | None = None, **settings: Any) -> str:
        """Create a function whose role may send to `events`, and do what `allow` says; its name. QUEUE in its code is `events`."""
        name, iam, archive = f"f-{uuid.uuid4().hex[:8]}", self.aws.client("iam"), io.BytesIO()
        statements = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}, *(allow or [])]
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", textwrap.dedent(code).replace("QUEUE", self.events))
        settings = {"Timeout": 10, "Runtime": "python3.13", "Handler": "index.handler", **settings}
        self.aws.client("lambda").create_function(FunctionName=name, Role=role, Code={"ZipFile": archive.getvalue()}, **settings)
        self.functions.append(name)
        return name

    def route(self, key: str, function: str, source: str | None = None) -> None:
        """Send the route to the function, with a permission for `source` (the route itself; "" = none)."""
        gateway, functions = self.aws.client("apigatewayv2"), self.aws.client("lambda")
        arn = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
        uri = f"arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{arn}/invocations"
        integration = gateway.create_integration(ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=uri)["IntegrationId"]
        gateway.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{integration}")
        source = f"{self.execution_arn}/dev/{key}" if source is None else source
        if source:
            functions.add_permission(
                FunctionName=function,
                StatementId=uuid.uuid4().hex,
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=source,
            )

    def connect(self, **options: Any) -> AbstractContextManager[ClientConnection]:
        client: AbstractContextManager[ClientConnection] = connect(self.aws.websocket_url(self.id, "dev"), proxy=None, **options)
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
    gateway, name = aws.client("apigatewayv2"), f"api-{uuid.uuid4().hex[:8]}"
    made = gateway.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    gateway.create_stage(ApiId=made["ApiId"], StageName="dev", AutoDeploy=True)
    arn = f"arn:aws:execute-api:ap-northeast-2:000000000000:{made['ApiId']}"
    api = Api(aws, made["ApiId"], arn, aws.client("sqs").create_queue(QueueName=name)["QueueUrl"])
    yield api
    gateway.delete_api(ApiId=api.id)
    for function in api.functions:
        aws.client("lambda").delete_function(FunctionName=function)


@pytest.fixture
def observed(api: Api) -> Api:
    """The API with $connect and $disconnect going to a function that keeps their events."""
    function = api.function(KEEP_EVENT)
    api.route("$connect", function)
    api.route("$disconnect", function)
    return api
