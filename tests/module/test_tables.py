"""Tables and log groups as the real provider reads and changes them, on the local AWS: what a mocked provider does not know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from local.aws import REGION, LocalAws, create_table
from tests.provider import kept_provider
from tools.terraform import Root, TerraformError

from .calls import API, REPOSITORY, REQUIRED

LOG_GROUP = """
  name        = "classy"
  description = "Does nothing"
  handler     = "disconnect.lambda_handler"
  timeout     = 10
  logs        = {{ class = "{}", skip_destroy = true }}
"""


@pytest.fixture
def consumer(tmp_path: Path, aws: LocalAws) -> Callable[..., Root]:
    """A root folder with calls of modules: (name, folder, inputs in HCL)."""
    root = Root(tmp_path, aws.environment, tmp_path / ".terraform")

    def written(*calls: tuple[str, str, str], more: str = "") -> Root:
        blocks = [
            f'module "{name}" {{\n  source = "{REPOSITORY}{module}"\n  {inputs}\n}}\noutput "{name}" {{\n  value = module.{name}\n}}\n'
            for name, module, inputs in calls
        ]
        (tmp_path / "main.tf").write_text("".join(blocks) + more)
        root.init()
        return root

    return written


def test_the_keys_of_existing_tables_are_found(consumer: Callable[..., Root], aws: LocalAws) -> None:
    key = str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    dynamodb, encrypted = aws.client("dynamodb"), {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    create_table(dynamodb, "theirs", SSESpecification=encrypted)
    create_table(dynamodb, "related", SSESpecification=encrypted)
    create_table(dynamodb, "plain")
    root = consumer(
        ("theirs", "//modules/connections-table", 'name = "theirs"\ncreate = false'),
        ("related", "//modules/related-table", 'name = "related"'),
        ("plain", "//modules/related-table", 'name = "plain"'),
    )
    root.apply()
    found = {name: outputs.get("kms_key_arn") for name, outputs in root.outputs().items()}
    assert found == {"theirs": key, "related": key, "plain": None}


def test_tables_that_do_not_fit_or_exist_are_refused(consumer: Callable[..., Root], aws: LocalAws) -> None:
    create_table(aws.client("dynamodb"), "keyed-by-user", "userId")
    root = consumer(
        ("unfit", "//modules/connections-table", 'name = "keyed-by-user"\ncreate = false'),
        ("missing", "//modules/related-table", 'name = "no-such-table"'),
    )
    with pytest.raises(TerraformError) as refused:
        root.plan()
    assert "must have the partition key connectionId" in str(refused.value)
    assert "no-such-table" in str(refused.value)


def test_a_log_groups_class_is_for_life_and_it_may_stay(consumer: Callable[..., Root], aws: LocalAws) -> None:
    root = consumer(("it", "//modules/lambda-function", LOG_GROUP.format("INFREQUENT_ACCESS")))
    with kept_provider(root):
        root.apply()
        consumer(("it", "//modules/lambda-function", LOG_GROUP.format("STANDARD")))
        with pytest.raises(TerraformError, match=r"is of class\s+INFREQUENT_ACCESS"):
            root.apply()
        root.destroy()
    [group] = aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/classy")["logGroups"]
    assert group["logGroupClass"] == "INFREQUENT_ACCESS"


def test_a_log_group_is_imported_and_the_call_gets_a_count(consumer: Callable[..., Root], aws: LocalAws) -> None:
    """As docs/changing.md says."""
    page = (REPOSITORY / "docs/changing.md").read_text()
    command = re.search(r"`terraform (import 'module.*?)`", page)
    moved = re.search(r"`moved` block \(`(from = \S+)`,\s+`(to = \S+)`", page)
    assert command
    assert moved
    inputs = (
        "\n  ".join(f"{name} = {value}" for name, value in REQUIRED.items())
        .replace('"chat"', '"NAME"')
        .replace(API, API.replace("eu-central-1", REGION).replace("111122223333", "000000000000"))
    )
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/NAME-disconnect")
    root = consumer(("disconnect", "", inputs))
    root.run(*shlex.split(command[1]))
    consumer(("disconnect", "", f"count = 1\n  {inputs}"), more=f"moved {{\n  {moved[1]}\n  {moved[2]}\n}}\n")
    plan = root.plan()
    assert "# (moved from module.disconnect.module.disconnect.aws_cloudwatch_log_group.this[0])" in plan
    assert " 0 to destroy." in plan
