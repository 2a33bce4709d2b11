"""A table and a route that exist already come under the module by import blocks, as README shows, and nothing is destroyed."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

from local.aws import REPOSITORY, LocalAws
from tools import terraform

ADOPTER = """
provider "aws" {{}}

module "disconnect" {{
  source            = "{source}"
  name              = "adopter"
  websocket_api     = {{ id = "{api_id}", execution_arn = "arn:aws:execute-api:{region}:000000000000:{api_id}" }}
  connections_table = {{ name = "{table}" }}
}}

import {{
  to = module.disconnect.module.connections_table.aws_dynamodb_table.this[0]
  id = "{table}"
}}

import {{
  to = module.disconnect.module.route.aws_apigatewayv2_route.this
  id = "{api_id}/{route_id}"
}}
"""


def test_a_table_and_a_route_are_adopted_without_a_destroy(aws: LocalAws, tmp_path: Path) -> None:
    table = f"adopted-{uuid.uuid4().hex}"
    aws.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
    )
    gateway = aws.client("apigatewayv2")
    api_id = gateway.create_api(Name=table, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    route_id = gateway.create_route(ApiId=api_id, RouteKey="$disconnect", Target="integrations/another")["RouteId"]
    region = aws.environment["AWS_REGION"]
    (tmp_path / "main.tf").write_text(ADOPTER.format(source=REPOSITORY, api_id=api_id, table=table, route_id=route_id, region=region))

    environment = os.environ | aws.environment | terraform.environment()
    for arguments in (["init"], ["plan", "-out=plan"]):
        subprocess.run([terraform.binary(), *arguments, "-no-color"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    shown = subprocess.run([terraform.binary(), "show", "-json", "plan"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    changes = json.loads(shown.stdout)["resource_changes"]

    assert {action for change in changes for action in change["change"]["actions"]} == {"create", "update"}
    imported = {change["type"]: change["change"]["actions"] for change in changes if "importing" in change["change"]}
    assert imported == {"aws_dynamodb_table": ["update"], "aws_apigatewayv2_route": ["update"]}
