"""The life of a stack with all that companies require at once: docs/companies.md. Without the retry queue, which takes a minute to make."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import REPOSITORY, LocalAws, local_aws
from tools.acts import speed
from tools.acts.trial import Trial
from tools.deployment import Deployment
from tools.stack import leftovers, removers
from tools.terraform import Root

TABLE, LOG_GROUP = "company-connections", "/platform/company"

COMPANY = """
provider "aws" {{}}

resource "aws_vpc" "this" {{
  cidr_block = "10.0.0.0/24"
}}

resource "aws_subnet" "this" {{
  count      = 2
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.0.${{16 * count.index}}/28"
}}

resource "aws_security_group" "this" {{
  name   = "company"
  vpc_id = aws_vpc.this.id
}}

resource "aws_lambda_layer_version" "this" {{
  layer_name = "extension"
  filename   = "{folder}/layer.zip"
}}

resource "aws_s3_bucket" "this" {{
  bucket        = "company-packages"
  force_destroy = true
}}

resource "aws_s3_bucket_versioning" "this" {{
  bucket = aws_s3_bucket.this.bucket

  versioning_configuration {{
    status = "Enabled"
  }}
}}

resource "aws_s3_object" "this" {{
  bucket = aws_s3_bucket_versioning.this.bucket
  key    = "disconnect.zip"
  source = "{repository}/dist/function.zip"
}}

resource "aws_kms_key" "this" {{}}

resource "aws_cloudwatch_log_group" "this" {{
  name = "{log_group}"
}}

module "websocket_api" {{
  source            = "{repository}//examples/websocket-api"
  name              = "company"
  stage             = "live"
  connections_table = "{table}"
}}

module "disconnect" {{
  source            = "{repository}"
  name              = "company"
  websocket_api     = module.websocket_api.websocket_api
  connections_table = {{ name = "{table}", deletion_protection = false }}
  kms_key_arn       = aws_kms_key.this.arn
  retry_queue       = {{ enabled = false }}
  sweep             = {{ enabled = false }}
  role              = {{ name_suffix = "-here" }}
  vpc               = {{ subnet_ids = aws_subnet.this[*].id, security_group_ids = [aws_security_group.this.id] }}

  function = {{
    layers      = [aws_lambda_layer_version.this.arn]
    tracing     = "Active"
    environment = {environment}

    package = {{
      s3 = {{ bucket = aws_s3_object.this.bucket, key = aws_s3_object.this.key, object_version = aws_s3_object.this.version_id }}
    }}
  }}

  logs = {{
    level = "WARN"
    group = aws_cloudwatch_log_group.this
  }}

  monitoring = {{
    alarm_actions = ["arn:aws:ssm:ap-northeast-2:000000000000:opsitem:3", "arn:aws:sns:ap-northeast-2:000000000000:pager"]
  }}
}}

output "websocket_api" {{
  value = module.websocket_api.websocket_api
}}

output "connections_table" {{
  value = module.disconnect.connections_table
}}

output "disconnect_function" {{
  value = module.disconnect.disconnect_function
}}
"""


class Company:
    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self._folder = aws, folder
        self.root = Root(folder, aws.environment, folder / ".terraform")
        self.on = Deployment(aws, self.root.outputs)
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr("extensions/nothing", "")
        (folder / "layer.zip").write_bytes(layer.getvalue())

    def write(self, **environment: str) -> None:
        names = {"folder": self._folder, "repository": REPOSITORY, "table": TABLE, "log_group": LOG_GROUP}
        (self._folder / "main.tf").write_text(COMPANY.format(**names, environment=json.dumps(environment)))

    def come_and_go(self, clients: int) -> list[list[str]]:
        """Some clients' lives; who asked DynamoDB to delete their records."""
        ids = speed.come_and_go(Trial(self.on), uuid.uuid4().hex, clients)
        return [removers(self.on)[connection_id] for connection_id in ids]


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with local_aws() as aws:
        yield Company(aws, tmp_path)


def test_a_stack_with_all_that_companies_require(company: Company) -> None:
    company.write(DD_SITE="datadoghq.eu")
    company.root.init()
    company.root.apply()
    assert company.root.plan() == ""

    function = company.aws.client("lambda").get_function_configuration(FunctionName="company-disconnect")
    assert (len(function["VpcConfig"]["SubnetIds"]), len(function["VpcConfig"]["SecurityGroupIds"])) == (2, 1)
    assert [layer["Arn"].rpartition(":")[0].rpartition(":")[2] for layer in function["Layers"]] == ["extension"]
    assert (function["TracingConfig"]["Mode"], function["LoggingConfig"]["LogGroup"]) == ("Active", LOG_GROUP)
    assert function["Role"].endswith("role/company-disconnect-here")
    assert function["Environment"]["Variables"].items() >= {"DD_SITE": "datadoghq.eu", "CONNECTIONS_TABLE": TABLE}.items()

    assert company.come_and_go(1) == [[""]]

    company.write(HTTPS_PROXY="http://proxy.internal:3128")
    company.root.apply()
    assert company.come_and_go(2) == [["Boto3"], ["Boto3"]]
    [line] = company.on.lines()  # at level WARN nothing is logged of a disconnect that went well, and this once
    assert (line["outcome"], line["FastPathOff"], "HTTPS_PROXY" in line["why"]) == ("fast_path_off", 1, True)

    company.root.destroy()
    assert leftovers(company.aws) == []
