"""With the policies of docs/permissions and nothing else a user plans and applies the module. Here without queues, which take a minute; the
environments of conftest.py have them, and are applied with the same policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import LocalAws, local_aws
from tests.provider import kept_provider
from tools.permissions import FOLDER, ROOT, User, filled, websocket_api
from tools.stack import leftovers
from tools.terraform import TerraformError

OPTIONS = """
  retry_queue = { enabled = false }
  sweep       = { enabled = false }
  tags        = { team = "%s" }
"""


class Account:
    """A root that calls the module, and the policies as the team that owns it has filled them in."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self._folder = aws, folder
        self._api = websocket_api(aws)
        self.not_ours = leftovers(aws)

    def write(self, team: str) -> None:
        values = {"name": "chat", "table": "chat-connections", "websocket_api": json.dumps(self._api), "options": OPTIONS % team}
        (self._folder / "main.tf").write_text(ROOT % values)

    def user(self, name: str, *policies: str, without: str = "") -> User:
        names = {"NAME": "chat", "TABLE": "chat-connections", "RELATED": "chat-related", "API_ID": self._api["id"], "KEY_ID": "none"}
        return User(self.aws, name, *(filled(self.policy(policy, without), **names) for policy in policies))

    def policy(self, name: str, without: str) -> str:
        document = json.loads((FOLDER / f"{name}.json").read_text())
        for statement in document["Statement"]:
            statement["Action"] = [action for action in statement["Action"] if action != without]
        return json.dumps(document)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with local_aws() as aws:
        yield Account(aws, tmp_path)


def test_the_policies_are_enough_and_each_action_is_needed(account: Account, tmp_path: Path) -> None:
    planner = account.user("planner", "plan").root(tmp_path)
    deployer = account.user("deployer", "plan", "apply").root(tmp_path)
    lacking = account.user("lacking", "plan", "apply", without="lambda:AddPermission").root(tmp_path)
    account.write(team="first")
    deployer.init()
    with kept_provider(planner), kept_provider(deployer):
        assert "will be created" in planner.plan()
        with pytest.raises(TerraformError, match="not authorized to perform: lambda:AddPermission"):
            lacking.apply()
        deployer.apply()
        assert planner.plan() == ""

        account.write(team="second")
        with pytest.raises(TerraformError, match="not authorized to perform: dynamodb:TagResource"):
            planner.apply()
        deployer.destroy()
    assert leftovers(account.aws) == account.not_ours
