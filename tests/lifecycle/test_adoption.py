"""A stack with a table, a function and a `$disconnect` route of its own comes under the module and leaves it, while clients come and go.

docs/adopting.md says how; its blocks are what is applied here, one after the other.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from local.aws import REPOSITORY, LocalAws, local_aws
from tests.provider import kept_provider
from tools.clients import Visitors, open_clients
from tools.deployment import Deployment, until
from tools.stack import leftovers
from tools.terraform import Root

from .conftest import connected

TABLE = "chat-connections"
PAGE = (REPOSITORY / "docs" / "adopting.md").read_text()
BLOCKS: dict[str, str] = dict(re.findall(r"```hcl\n# (\S+)\.tf\n(.*?)```", PAGE, re.DOTALL))
QUICK = "retry_queue = { enabled = false }\n  sweep = { enabled = false }"  # queues take their time to be made, and nothing is lost here

PLATFORM = f"""
module "websocket_api" {{
  source            = "REPOSITORY/examples/websocket-api"
  name              = "chat"
  stage             = "live"
  connections_table = "{TABLE}"
}}

locals {{
  websocket_api = module.websocket_api.websocket_api
}}

output "websocket_api" {{
  value = module.websocket_api.websocket_api
}}
"""

OWN_TABLE = f"""
resource "aws_dynamodb_table" "connections" {{
  name         = "{TABLE}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "connectionId"

  attribute {{
    name = "connectionId"
    type = "S"
  }}
}}
"""

OWN_ROUTE = """
resource "aws_apigatewayv2_route" "disconnect" {
  api_id    = local.websocket_api.id
  route_key = "$disconnect"
  target    = "integrations/${aws_apigatewayv2_integration.goodbye.id}"
}
"""

OWN_FUNCTION = f"""
module "goodbye" {{
  source      = "REPOSITORY/modules/lambda-function"
  name        = "chat-goodbye"
  description = "The function that was there before"
  handler     = "goodbye.lambda_handler"
  package     = {{ path = "${{path.module}}/goodbye.zip" }}
  timeout     = 10
  environment = {{ CONNECTIONS_TABLE = "{TABLE}" }}

  policy_statements = [{{
    sid       = "DeleteRecord"
    actions   = ["dynamodb:DeleteItem"]
    resources = ["arn:aws:dynamodb:*:*:table/{TABLE}"]
  }}]
}}

resource "aws_apigatewayv2_integration" "goodbye" {{
  api_id             = local.websocket_api.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = module.goodbye.invoke_arn
  depends_on         = [aws_lambda_permission.goodbye]
}}

resource "aws_lambda_permission" "goodbye" {{
  function_name = module.goodbye.name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${{local.websocket_api.execution_arn}}/*/$disconnect"
}}
"""

GOODBYE = """
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])

def lambda_handler(event, context):
    table.delete_item(Key={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200}
"""


class Chat:
    """The stack, and twenty clients that stay connected all the time."""

    def __init__(self, aws: LocalAws, folder: Path, providers: ExitStack) -> None:
        self.aws = aws
        self.platform, self.another = self._root(folder / "platform"), self._root(folder / "another")
        self.write(self.platform, PLATFORM, OWN_TABLE, OWN_FUNCTION, OWN_ROUTE)
        self.platform.init()
        providers.enter_context(kept_provider(self.platform, self.another))
        self.platform.apply()
        self.websocket_api: dict[str, str] = self.platform.outputs()["websocket_api"]
        self.api_id = self.websocket_api["id"]
        self.on = Deployment(aws, lambda: {"websocket_api": self.websocket_api, "connections_table": {"name": TABLE}})
        self.stay = open_clients(self.on.url, [f"stays-{i}" for i in range(20)])
        self.identity = self.what_stays()

    def _root(self, folder: Path) -> Root:
        folder.mkdir()
        with ZipFile(folder / "goodbye.zip", "w") as package:
            package.writestr("goodbye.py", GOODBYE)
        return Root(folder, self.aws.environment, folder / ".terraform")

    def write(self, root: Root, *parts: str) -> None:
        here = os.path.relpath(REPOSITORY, root.folder)  # by an absolute path init would copy it
        text = 'provider "aws" {}\n' + "".join(parts).replace("REPOSITORY", here)
        (root.folder / "main.tf").write_text(re.sub(r'"git::[^"]*"', f'"{here}"\n  {QUICK}', text))

    def what_stays(self) -> dict[str, Any]:
        """What AWS itself says of table, routes and stage. It stays equal as long as none of them is made again."""
        gateway = self.aws.client("apigatewayv2")
        return {
            "table": self.aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableId"],
            "routes": sorted(f"{r['RouteKey']} {r['RouteId']}" for r in gateway.get_routes(ApiId=self.api_id)["Items"]),
            "stage": gateway.get_stage(ApiId=self.api_id, StageName="live")["CreatedDate"],
        }

    def known_from_elsewhere(self) -> str:
        """What a root that does not own the API has to know of it."""
        routes = self.aws.client("apigatewayv2").get_routes(ApiId=self.api_id)["Items"]
        [route_id] = [route["RouteId"] for route in routes if route["RouteKey"] == "$disconnect"]
        return f'locals {{\n  websocket_api = {json.dumps(self.websocket_api)}\n  route_id = "{route_id}"\n}}\n'

    def apply(self, root: Root, *parts: str) -> set[str]:
        """Applies while clients come and go, and returns what the account has no more; nobody is lost, and what stays is the same."""
        before = set(leftovers(self.aws))
        self.write(root, *parts)
        root.init()
        staying = {client.name for client in self.stay}
        with Visitors(self.on.url) as visitors:
            root.apply()
        assert visitors.left
        assert until(lambda: connected(self.on), lambda names: names == staying, 60) == staying
        assert self.what_stays() == self.identity
        return before - set(leftovers(self.aws))


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with local_aws() as aws, ExitStack() as providers:
        yield Chat(aws, tmp_path, providers)


def of(function: str) -> set[str]:
    return {f"function {function}", f"role {function}", f"log group /aws/lambda/{function}"}


def test_a_living_stack_comes_and_leaves_and_loses_nobody(chat: Chat) -> None:
    assert chat.apply(chat.platform, PLATFORM, OWN_FUNCTION, BLOCKS["in"]) == set()
    assert chat.apply(chat.platform, PLATFORM, BLOCKS["own-table"], OWN_TABLE) == of("chat-goodbye")
    assert chat.apply(chat.platform, PLATFORM, BLOCKS["in"]) == set()

    there = chat.known_from_elsewhere()
    assert chat.apply(chat.another, there, BLOCKS["take-over"]) == set()
    assert chat.apply(chat.platform, PLATFORM, BLOCKS["let-go"]) == of("chat-disconnect")

    assert chat.apply(chat.another, there, OWN_TABLE, OWN_FUNCTION, OWN_ROUTE, BLOCKS["out"]) == of("chat-next-disconnect")
    assert (chat.platform.plan(), chat.another.plan()) == ("", "")
