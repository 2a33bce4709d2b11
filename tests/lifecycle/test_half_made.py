"""Applies that stop half-way, and resources that are tainted or replaced: the next apply ends well, or after the command of
docs/failed-apply.md.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws import REGION, REPOSITORY, LocalAws, local_aws
from tests.provider import kept_provider
from tools import terraform
from tools.clients import Visitors, open_clients
from tools.deployment import Deployment, until
from tools.permissions import ACCOUNT, User
from tools.terraform import Root, TerraformError

from .conftest import connected

pytestmark = pytest.mark.xdist_group("half made")

UNTAINT = re.search(r"```sh\n(.*?)```", (REPOSITORY / "docs/failed-apply.md").read_text(), re.DOTALL).group(1)  # type: ignore[union-attr]
IMPORT = re.search(r"`terraform import 'module.disconnect(\S+)' (\S+)`", (REPOSITORY / "docs/changing.md").read_text()).groups()  # type: ignore[union-attr]
# What refuses to be made twice, as docs/failed-apply.md lists it; everything else is repaired.
NAMED = re.compile(
    r"aws_(lambda_function|dynamodb_table|iam_role|cloudwatch_log_group|apigatewayv2_route|scheduler_schedule_group)\."
    r"|disconnect_queue.*aws_lambda_event_source_mapping"
)
# The calls that two applies are denied, one after the other: what each call belongs to is then created in part.
STOPS = (
    ("logs:PutRetentionPolicy", "dynamodb:UpdateContinuousBackups", "iam:ListRolePolicies", "sqs:GetQueueAttributes"),
    ("lambda:PutFunctionConcurrency", "events:PutTargets", "scheduler:GetSchedule", "cloudwatch:PutMetricAlarm"),
)
NO_API = {"id": "a1b2c3d4e5", "execution_arn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:a1b2c3d4e5", "stage": "live"}
EVERYTHING = {
    "function": {"reserved_concurrency": 50, "timeout": 29},  # on a busy machine all the steps may take ten seconds
    "disconnect_queue": {},  # beside the function, which has the look at once
    "related_tables": [{"name": "${aws_dynamodb_table.rooms.id}"}],
    "history": {"deletion_protection": False},
    "events": {"client_offline_after_seconds": 60},
    "duplicates": "newest",
    "sweep": {"segments": 2, "probe": {"report_queue": True}},
    "monitoring": {"dashboard": True},
}


class Whole:
    """A root with an API and the module, applied by a user who can be denied calls, over a line that can be cut."""

    def __init__(self, aws: LocalAws, folder: Path, name: str = "whole") -> None:
        self.aws, self.name = aws, name
        self.user = User(aws, name)
        self.permit("*")
        folder.mkdir(exist_ok=True)
        self.root = Root(folder, {**self.user.environment, "AWS_ENDPOINT_URL": aws.faults.url}, folder / ".terraform")
        self.on = Deployment(aws, self.root.outputs)

    def write(self, **inputs: Any) -> None:
        table = f"{self.name}-connections"
        key = {"hash_key": "connectionId", "attribute": [{"name": "connectionId", "type": "S"}], "billing_mode": "PAY_PER_REQUEST"}
        here = os.path.relpath(REPOSITORY, self.root.folder)  # by an absolute path init would copy it
        module = {"source": here, "name": "whole", "websocket_api": "${module.api.websocket_api}"}
        names = {"connections_table": {"name": table, "deletion_protection": False}}
        elsewhere = [{"alias": "elsewhere", "region": "us-east-1"}] if "providers" in inputs else []
        encryption = {"enabled": True, "kms_key_arn": "${aws_kms_key.this.arn}"}
        root = {
            "provider": {"aws": [{"max_retries": 1}, *elsewhere]},
            "resource": {
                "aws_kms_key": {"this": {}},
                "aws_dynamodb_table": {"rooms": {"name": f"{self.name}-rooms", **key, "server_side_encryption": encryption}},
            },
            "module": {
                "api": {
                    "source": f"{here}/examples/websocket-api",
                    "name": self.name,
                    "stage": "live",
                    "connections_table": table,
                },
                "it": {**module, **names, **inputs},
            },
            "output": {
                "websocket_api": {"value": "${module.api.websocket_api}"},
                "connections_table": {"value": {"name": table}},
                "disconnect_function": {"value": "${module.it.disconnect_function}"},
                "cleanup_function": {"value": "${module.it.cleanup_function}"},
            },
        }
        (self.root.folder / "main.tf.json").write_text(json.dumps(root, indent=1))
        self.root.init()

    def permit(self, *actions: str, but: tuple[str, ...] = ("none:None",)) -> None:
        """Lets the user who applies call these, until the next time."""
        statements = [{"Effect": effect, "Action": its, "Resource": "*"} for effect, its in (("Allow", actions), ("Deny", but))]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.aws.client("iam").put_user_policy(UserName=self.name, PolicyName="calls", PolicyDocument=document)

    def untaint(self) -> None:
        """By the command of docs/failed-apply.md."""
        env = {**self.root._env, **(self.root.program.environment if self.root.program else terraform.environment())}
        subprocess.run(["bash", "-euo", "pipefail", "-c", UNTAINT], cwd=self.root.folder, env=env, check=True, capture_output=True)

    def addresses(self) -> list[str]:
        return [address for address in self.root.resources() if address.startswith("module.it.") and ".data." not in address]

    def taint(self, addresses: set[str]) -> int:
        """These and no others, in the state's file, since `terraform taint` takes seconds for each; how many were tainted before."""
        file, before = self.root.folder / "terraform.tfstate", 0
        state = json.loads(file.read_text())
        state["serial"] += 1
        for resource in state["resources"]:
            for instance in resource["instances"]:
                before += bool(instance.pop("status", ""))
                key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
                if f"{resource.get('module')}.{resource['type']}.{resource['name']}{key}" in addresses:
                    instance["status"] = "tainted"
        file.write_text(json.dumps(state))
        return before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Made by applies that stop half-way, each at other calls."""
    with local_aws() as aws:
        whole = Whole(aws, tmp_path_factory.mktemp("half") / "whole")
        whole.write(**EVERYTHING, websocket_api=NO_API)
        with kept_provider(whole.root):
            address, log_group = f"module.it{IMPORT[0]}", IMPORT[1].replace("NAME", "whole")  # left by an earlier stack of this name
            aws.client("logs").create_log_group(logGroupName=log_group)
            whole.root.run("import", address, log_group)
            for denied in STOPS:
                whole.permit("*", but=denied)
                cut = aws.faults.fail("lambda", "cut", where=lambda request: "event-source-mappings" in request.path)
                with cut, pytest.raises(TerraformError, match=r"denied|not authorized") as stopped:
                    whole.root.apply()
                whole.permit("*")
                assert whole.taint(set())
            assert re.search(r"reset|EOF|StatusCode: 0", str(stopped.value))
            with pytest.raises(TerraformError, match="NotFoundException"):
                whole.root.apply()
            whole.write(**EVERYTHING)
            whole.root.apply()
            yield whole


def test_the_apply_after_a_stopped_one_completes_the_stack(whole: Whole) -> None:
    assert whole.root.plan() == ""
    assert "DecryptTables" in whole.on.outputs["disconnect_function"]["policy"]  # of a related table made by the same apply
    [client] = open_clients(whole.on.url, ["visits"])
    assert until(lambda: connected(whole.on), seconds=60) == {"visits"}
    client.close()
    assert until(lambda: connected(whole.on), lambda left: not left, 60) == set()


def test_what_is_tainted_or_replaced_is_made_again(whole: Whole) -> None:
    """One half tainted, the other named by -replace, while clients come and go."""
    free = [address for address in whole.addresses() if not NAMED.search(address)]
    whole.taint(set(free[::2]))
    with Visitors(whole.on.url) as visitors:
        whole.root.run("apply", "-auto-approve", *(f"-replace={address}" for address in free[1::2]))
    assert visitors.left
    assert until(lambda: connected(whole.on) & set(visitors.left), lambda left: not left, 60) == set()


def test_what_keeps_its_name_refuses_and_is_untainted(whole: Whole) -> None:
    """One resource of each type: tests/lifecycle/stop_everywhere.py taints more of them."""
    types = {found[0]: address for address in whole.addresses() if (found := NAMED.search(address))}
    whole.taint(set(types.values()))
    with pytest.raises(TerraformError, match="lready exist"):
        whole.root.apply()
    whole.untaint()
    assert whole.root.plan() == ""


def test_a_second_state_of_the_same_name_takes_nothing_over(whole: Whole, tmp_path: Path) -> None:
    """By a provider of another region it makes nothing at all."""
    second = Whole(whole.aws, tmp_path / "second", "second")
    second.write(providers={"aws": "aws.elsewhere"})
    with pytest.raises(TerraformError, match="The WebSocket API is in ap-northeast-2"):
        second.root.apply()
    assert second.addresses() == []
    second.write()
    with kept_provider(second.root):
        with pytest.raises(TerraformError, match="EntityAlreadyExists"):
            second.root.apply()
        second.root.destroy()


def test_manual_changes_are_planned_and_reported(whole: Whole) -> None:
    """And nothing but these: what is tainted, replaced or made by a second state above is as before."""
    functions = whole.aws.client("lambda")
    name, package = whole.on.function("cleanup"), (REPOSITORY / "dist/function.zip").read_bytes()
    functions.update_function_configuration(FunctionName=name, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    whole.aws.client("events").disable_rule(Name="whole-look-at-once")
    functions.update_function_code(FunctionName=name, ZipFile=package + b"\0")
    plan = whole.root.plan()
    for words in ('"WARN" -> "INFO"', '"DISABLED" -> "ENABLED"', " 0 to add, 2 to change, 0 to destroy"):
        assert words in plan
    assert f"Function {name} runs other code than its package" in plan
    functions.update_function_code(FunctionName=name, ZipFile=package)


def test_alarms_that_another_names_are_replaced_and_removed(whole: Whole) -> None:
    """AWS refuses to delete an alarm as long as a composite alarm names it."""
    whole.write(**{**EVERYTHING, "sweep": {"segments": 1, "probe": {"report_queue": True}}})
    whole.root.run("apply", "-auto-approve", '-replace=module.it.module.monitoring[0].aws_cloudwatch_metric_alarm.this["sweep-silent-0"]')
    assert whole.root.plan() == ""
