"""The policies of docs/permissions. tests/lifecycle/test_permissions.py applies with them."""

from __future__ import annotations

import json
import re

import pytest

from tools.permissions import FOLDER, LARGEST_POLICY, allowed, filled
from tools.terraform import TerraformError


def test_a_resource_that_no_statement_is_for_is_an_error() -> None:
    assert allowed([("sqs:CreateQueue", filled("arn:aws:sqs:REGION:ACCOUNT:NAME-retry"))], "api") == {("sqs:CreateQueue", "Queues")}
    with pytest.raises(TerraformError, match="No statement allows sqs:CreateQueue on"):
        allowed([("sqs:CreateQueue", filled("arn:aws:sqs:REGION:ACCOUNT:OTHER-retry"))], "api")


def test_whoever_plans_may_only_read() -> None:
    document = json.loads((FOLDER / "plan.json").read_text())
    actions = {action for statement in document["Statement"] for action in statement["Action"]}
    assert {action for action in actions if not re.match(r"\w+:(Describe|Get|List|GET)", action)} == {"kms:Decrypt"}


@pytest.mark.parametrize("name", ["plan", "apply"])
def test_a_policy_fits_into_one_managed_policy(name: str) -> None:
    assert len("".join((FOLDER / f"{name}.json").read_text().split())) <= LARGEST_POLICY
