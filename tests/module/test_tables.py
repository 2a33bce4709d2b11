"""Tables as the real provider reads and changes them, on the local AWS: what a mocked provider does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws
from tools.terraform import Root, TerraformError

REPOSITORY = Path(__file__).resolve().parents[2]


class Consumer:
    """A root folder with one call of a small module."""

    def __init__(self, folder: Path, aws: LocalAws) -> None:
        self.folder = folder
        self.root = Root(folder, aws.environment, folder / ".terraform")

    def call(self, module: str, inputs: str) -> None:
        text = f'module "it" {{\n  source = "{REPOSITORY}//modules/{module}"\n{inputs}\n}}\noutput "it" {{\n  value = module.it\n}}\n'
        (self.folder / "main.tf").write_text(text)
        self.root.init()

    def apply(self, module: str, inputs: str) -> Any:
        self.call(module, inputs)
        self.root.apply()
        return self.root.outputs()["it"]


@pytest.fixture
def consumer(tmp_path: Path, aws: LocalAws) -> Consumer:
    return Consumer(tmp_path, aws)


@pytest.fixture
def key(aws: LocalAws) -> str:
    """The ARN of a KMS key."""
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


def create_table(aws: LocalAws, name: str, key: str = "", hash_key: str = "connectionId") -> None:
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": hash_key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": hash_key, "KeyType": "HASH"}],
        **({"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}} if key else {}),
    )


def test_the_key_of_a_table_brought_along_is_found(consumer: Consumer, aws: LocalAws, key: str) -> None:
    create_table(aws, "theirs-with-key", key)
    assert consumer.apply("connections-table", 'name = "theirs-with-key"\ncreate = false')["kms_key_arn"] == key


def test_the_key_of_a_related_table_is_found(consumer: Consumer, aws: LocalAws, key: str) -> None:
    create_table(aws, "related-with-key", key)
    assert consumer.apply("related-table", 'name = "related-with-key"')["kms_key_arn"] == key


def test_tables_without_a_key_of_their_own_ask_for_none(consumer: Consumer, aws: LocalAws) -> None:
    create_table(aws, "without-key")
    assert consumer.apply("related-table", 'name = "without-key"').get("kms_key_arn") is None


def test_an_existing_table_with_another_key_is_refused(consumer: Consumer, aws: LocalAws) -> None:
    create_table(aws, "keyed-by-user", hash_key="userId")
    consumer.call("connections-table", 'name = "keyed-by-user"\ncreate = false')
    with pytest.raises(TerraformError, match="must have the partition key connectionId"):
        consumer.root.plan()


def test_a_related_table_that_does_not_exist_is_refused(consumer: Consumer) -> None:
    consumer.call("related-table", 'name = "no-such-table"')
    with pytest.raises(TerraformError, match="no-such-table"):
        consumer.root.plan()


def test_turning_options_on_and_off_never_replaces_the_table(consumer: Consumer) -> None:
    name, off, on = 'name = "toggled"\n', "deletion_protection = false", 'client_index = "byClient"\npoint_in_time_recovery = false'
    consumer.apply("connections-table", name + off)
    consumer.call("connections-table", name + on)
    assert_in_place(consumer.root.plan())
    consumer.root.apply()
    assert consumer.root.plan() == ""
    consumer.call("connections-table", name + off)
    assert_in_place(consumer.root.plan())


def assert_in_place(plan: str) -> None:
    assert "will be updated in-place" in plan
    assert "must be replaced" not in plan
