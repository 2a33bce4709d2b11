"""A living stack, and every change of every input: docs/changing.md says what each does, and this holds it to that.

The page's lines are the cases: from what to what, and what the plan says. One stack is made with all their first values, and changed while
clients come and go.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from websockets.exceptions import ConnectionClosed

from local.aws import REPOSITORY, LocalAws, local_aws
from tests.provider import kept_provider
from tools import docs
from tools.clients import Client, Visitors, open_clients
from tools.deployment import Deployment, until
from tools.terraform import Root, TerraformError

from .conftest import connected

pytestmark = pytest.mark.xdist_group("changes")

PAGE = REPOSITORY / "docs" / "changing.md"
REPEATED_S = 240  # more than a queue's visibility timeout
TABLE, OWN_LOG_GROUP = "living-connections", "/platform/company"
LINE = re.compile(r"\| `(?P<input>[a-z0-9_.]+)` \| `(?P<old>[^`]*)` → `(?P<new>[^`]*)`(?P<along>[^|]*) \| (?P<plan>[^|]*) \|")
PLANNED = re.compile(r"^  # (\S+) .*\n(?:  # \(.*\n)*(?:  ([-+~])|([-+]/[-+])) resource ", re.MULTILINE)

COVERED = {"function.package", "logs.group", "role.existing"}  # objects whose line also covers their fields

ROLES = {"disconnect": "lambda", "cleanup": "lambda", "schedule": "scheduler", "gateway": "apigateway"}  # a company's, and who assumes them

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A line of the page."""

    input: str  # "function.memory_size"
    old: Any
    new: Any
    along: tuple[str, ...]  # inputs whose lines' changes come with it
    plan: str

    @property
    def signs(self) -> set[tuple[str, str]]:
        """("~", "lambda_function"), and so on."""
        return {(sign, kind) for sign, kinds in re.findall(r"`(\S+)` ([\w, ]+)", self.plan) for kind in kinds.strip().split(", ")}

    def can_share_a_plan_with(self, other: Change) -> bool:
        """Whether one plan of both changes still shows what each of them does."""
        if (self in SETTINGS, self.input in ELSEWHERE) != (other in SETTINGS, other.input in ELSEWHERE):
            return False
        if self.plan == other.plan and (self in SETTINGS or self.input in other.along):
            return True
        return {kind for _, kind in self.signs}.isdisjoint(kind for _, kind in other.signs)


def value(text: str) -> Any:
    """What a page's value is in Terraform's JSON: itself, or a reference."""
    try:
        return json.loads(text)
    except ValueError:
        return f"${{{text}}}"


def changes(heading: str) -> list[Change]:
    """The lines under a heading of the page."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        Change(
            found["input"],
            value(found["old"]),
            value(found["new"]),
            tuple(re.findall(r"`(\S+?)`", found["along"])),
            found["plan"],
        )
        for found in LINE.finditer(section)
    ]


SETTINGS, COSTLY, OFF, REFUSED = (changes(h) for h in ("Settings", "What costs something", "Turning off", "Refused by the plan"))
ALL = {change.input: change for change in SETTINGS + COSTLY + OFF + REFUSED}
ELSEWHERE = {  # applied with COMPANY, or ruled out by another input
    "connections_table.shared",
    "function.code_signing_config_arn",
    "function.layers",
    "function.package.s3",
    "function.package.s3.object_version",
    "logs.group",
    "role.existing",
    "vpc",
    "vpc.ipv6_allowed_for_dual_stack",
    "websocket_api.connections_endpoint",
}


def put(inputs: Inputs, path: str, new: Any) -> None:
    """Set the value at a path. Missing objects on the way are made, but not for null."""
    *parents, name = path.split(".")
    for parent in parents:
        if new is None and not inputs.get(parent):
            return
        inputs[parent] = inputs = dict(inputs.get(parent) or {})
    inputs[name] = new


def with_values(inputs: Inputs, values: dict[str, Any]) -> Inputs:
    """The inputs with these, an object's fields after the object itself."""
    changed = dict(inputs)
    for path in sorted(values, key=lambda path: path.count(".")):
        put(changed, path, values[path])
    return changed


SMALL: Inputs = {
    "name": "living",
    "websocket_api": {"id": "${module.blue.websocket_api.id}", "execution_arn": "${module.blue.websocket_api.execution_arn}"},
    "connections_table": {"name": TABLE},
    "retry_queue": {"enabled": False},
    "sweep": {"enabled": False},
}
GIVEN: Inputs = {  # a table that is there, and another API
    **SMALL,
    "name": "given",
    "websocket_api": {"id": "${aws_apigatewayv2_api.another.id}", "execution_arn": "${aws_apigatewayv2_api.another.execution_arn}"},
    "connections_table": {"name": "${aws_dynamodb_table.rooms.id}", "create": False},
}
COMPANY: Inputs = {  # what a company's account may require: docs/companies.md
    "vpc": {"subnet_ids": "${aws_subnet.this[*].id}", "security_group_ids": ["${aws_security_group.this.id}"]},
    "function.layers": ["${aws_lambda_layer_version.this.arn}"],
    "function.package": {
        "s3": {
            name: f"${{aws_s3_object.this.{of}}}" for name, of in (("bucket", "bucket"), ("key", "key"), ("object_version", "version_id"))
        }
    },
    "logs.format": "JSON",
    "logs.group": "${aws_cloudwatch_log_group.own}",
    "logs.skip_destroy": False,
    "role": {"existing": {name: f'${{aws_iam_role.company["{name}"].arn}}' for name in ROLES}},
    "websocket_api.connections_endpoint": "https://${module.green.websocket_api.id}.execute-api.company.example.com/live",
}
FIRST = with_values({}, {path: change.old for path, change in ALL.items()})


def changed(*these: Change) -> Inputs:
    return with_values(FIRST, {path: ALL[path].new for change in these for path in (change.input, *change.along)})


@dataclass
class Living:
    """A root folder: two WebSocket APIs with clients, and calls of the module by their names."""

    aws: LocalAws
    folder: Path
    root: Root = field(init=False)

    def __post_init__(self) -> None:
        self.root = Root(self.folder, self.aws.environment, self.folder / ".terraform")
        shutil.copy(REPOSITORY / "dist/function.zip", self.folder / "copy.zip")  # a package of one's own
        with ZipFile(self.folder / "layer.zip", "w") as archive:
            archive.writestr("extensions/nothing", "")

    def write(self, version: str = "1", **calls: Inputs) -> None:
        """`version` is another API's tag, to change something beside the module."""
        socket = {"name": "another", "protocol_type": "WEBSOCKET", "route_selection_expression": "$request.body.action"}
        module = os.path.relpath(REPOSITORY, self.folder)  # by an absolute path init would copy it for every call
        api = {"source": f"{module}/examples/websocket-api", "stage": "live", "connections_table": TABLE}
        key = {"hash_key": "connectionId", "attribute": [{"name": "connectionId", "type": "S"}], "billing_mode": "PAY_PER_REQUEST"}
        tables: Inputs = {name: {"name": name, **key} for name in ("rooms", "subscriptions")}
        tables["rooms"]["server_side_encryption"] = {"enabled": True, "kms_key_arn": "${aws_kms_key.this.arn}"}
        in_vpc, in_bucket = {"vpc_id": "${aws_vpc.this.id}"}, {"bucket": "${aws_s3_bucket.this.bucket}"}
        versioning = ["aws_s3_bucket_versioning.this"]
        [found] = re.findall(r"`moved` block \(`from = (\S+)`,\s+`to = (\S+)`", PAGE.read_text())
        moved = dict(zip(("from", "to"), (address.replace("disconnect", "counted") for address in found), strict=True))
        policy = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "${each.value}.amazonaws.com"}}
        roles = {"for_each": ROLES, "name": "${each.key}", "path": "/company/"}
        allowed = {"for_each": "${module.it.role_policies}", "role": "${aws_iam_role.company[each.key].name}", "policy": "${each.value}"}
        everything = {
            "provider": {"aws": {}},
            "resource": {
                "aws_kms_key": {"this": {}},
                "aws_iam_policy": {"boundary": {"name": "boundary", "policy": policy}},
                "aws_dynamodb_table": tables,
                "aws_apigatewayv2_api": {"another": {**socket, "tags": {"Version": version}}},
                "aws_vpc": {"this": {"cidr_block": "10.0.0.0/24"}},
                "aws_subnet": {"this": {"count": 2, "cidr_block": "10.0.0.${16 * count.index}/28", **in_vpc}},
                "aws_security_group": {"this": {"name": "company", **in_vpc}},
                "aws_lambda_layer_version": {"this": {"layer_name": "extension", "filename": "layer.zip"}},
                "aws_s3_bucket": {"this": {"bucket": "company-packages"}},
                "aws_s3_bucket_versioning": {"this": {**in_bucket, "versioning_configuration": {"status": "Enabled"}}},
                "aws_s3_object": {"this": {"key": "disconnect.zip", "source": "copy.zip", **in_bucket, "depends_on": versioning}},
                "aws_cloudwatch_log_group": {"own": {"name": OWN_LOG_GROUP}},
                "aws_iam_role": {"company": {**roles, "assume_role_policy": json.dumps({"Version": "2012-10-17", "Statement": [trust]})}},
                **({"aws_iam_role_policy": {"company": allowed}} if "it" in calls else {}),
            },
            "module": {
                **{name: {**api, "name": name} for name in ("blue", "green")},
                **{name: {"source": module, **inputs} for name, inputs in calls.items()},
            },
            "moved": [moved] if "counted" in calls else [],
            "output": {
                **{name: {"value": f"${{module.{name}.websocket_api}}"} for name in ("blue", "green")},
                **{name: {"value": f"${{module.{name}.disconnect_function}}"} for name in {"it", "given"} & calls.keys()},
            },
        }
        (self.folder / "main.tf.json").write_text(json.dumps(everything, indent=1))  # errors quote a line

    def on(self, api: str) -> Deployment:
        """The table, the API of this name, and the function."""
        outputs = self.root.outputs()
        known = {"websocket_api": outputs[api], "connections_table": {"name": TABLE}, "disconnect_function": outputs["it"]}
        return Deployment(self.aws, lambda: known)

    def plan(self, *options: str) -> dict[str, str]:
        """What a plan would do, by address: the sign that Terraform shows. Raises TerraformError with its text when there is none."""
        return {address: one or two for address, one, two in PLANNED.findall(self.root.plan(None, *options))}

    def copies(self, folder: Path, calls: dict[str, Inputs]) -> Living:
        """A root whose calls all have the state of `it`: one plan there tells what each of them would do to it."""
        state = json.loads((self.folder / "terraform.tfstate").read_text())
        it = json.dumps([resource for resource in state["resources"] if resource.get("module", "").startswith("module.it.")])
        copied = [
            resource
            for name in calls
            for resource in json.loads(it.replace("module.it.", f"module.{name}.").replace("modules/it/", f"modules/{name}/"))
        ]
        others = [resource for resource in state["resources"] if not resource.get("module", "").startswith(("module.it.", "module.given."))]
        copies = Living(self.aws, folder)
        copies.write(**calls)  # type: ignore[arg-type]
        copies.root.init()
        copies.root.program = self.root.program
        moved = json.dumps({**state, "resources": others + copied}).replace(str(self.folder), str(folder))
        (folder / "terraform.tfstate").write_text(moved)
        return copies

    def apply_while_clients_come_and_go(self, api: str = "blue", **calls: Inputs) -> list[str]:
        """Those who left meanwhile and are still in the table minutes later, when the queue has repeated what failed."""
        self.write(**calls, given=GIVEN)  # type: ignore[arg-type]
        on = self.on(api)
        with Visitors(on.url) as visitors:
            self.root.apply()
        assert visitors.left
        return sorted(until(lambda: connected(on) & set(visitors.left), lambda left: not left, REPEATED_S))


def signs(planned: dict[str, str], prefix: str) -> set[tuple[str, str]]:
    return {(sign, address.split(".")[-2].removeprefix("aws_")) for address, sign in planned.items() if address.startswith(prefix)}


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with local_aws() as aws:
        living = Living(aws, tmp_path_factory.mktemp("living"))
        living.write(it=SMALL, given=GIVEN)
        living.root.init()
        with kept_provider(living.root):
            living.root.apply()
            yield living


@pytest.fixture(scope="module")
def stays(living: Living) -> list[Client]:
    """Clients that are connected all the time."""
    return open_clients(living.on("blue").url, [f"stays-{i}" for i in range(3)])


@pytest.fixture(scope="module")
def everything_on(living: Living, stays: list[Client]) -> list[str]:
    """With another name, a stage, and all else: who was lost on the way."""
    made_along = [{"name": "${aws_dynamodb_table.rooms.id}"}]
    return living.apply_while_clients_come_and_go(it=with_values(FIRST, {"related_tables": made_along}))


def inputs_of_the_module() -> Iterator[tuple[str, bool]]:
    """Each input's path, and whether the line of the object around it covers it, too."""
    for name, body in docs.blocks("variables.tf", "variable").items():
        kind = body["type"].removeprefix("${").removesuffix("}")
        _, *inner = docs.fields(name, kind, "")
        if kind.startswith("list(") or body.get("default", "") is None or not inner:
            yield name, False
        for path, _, default in inner:
            parent = any(other.startswith(f"{path}.") for other, *_ in inner)
            if path != "websocket_api.protocol_type" and (not parent or default == "null"):  # which is only checked
                yield path, kind.startswith("list(") or default == "required" or path.rpartition(".")[0] in COVERED


def test_every_input_has_its_line() -> None:
    without = [path for path, covered in inputs_of_the_module() if path not in ALL and not (covered and path.rpartition(".")[0] in ALL)]
    assert without == [], "docs/changing.md has no line for them: what does a plan do when they change, and what is lost?"


def test_everything_is_turned_on_and_nobody_is_lost(everything_on: list[str], living: Living) -> None:
    assert everything_on == []
    living.write(it=FIRST, given=GIVEN)
    assert living.root.plan() == ""


def test_each_line_says_what_a_plan_does(everything_on: list[str], living: Living, tmp_path: Path) -> None:
    """Those with the same plan together, and with others that concern other resources: a plan takes as long as it has resources."""
    cases: list[list[Change]] = []
    for change in SETTINGS + COSTLY + OFF:
        case = next((case for case in cases if all(change.can_share_a_plan_with(other) for other in case)), None)
        if case is None:
            cases.append(case := [])
        case.append(change)
    copies = {f"case_{i}": changed(*case) for i, case in enumerate(cases)} | {"counted": {**FIRST, "count": 1}}
    planned = living.copies(tmp_path, copies).plan("-refresh=false")
    assert signs(planned, "module.counted") == set()  # the page's `moved` block is enough
    said = {" ".join(change.input for change in case): case for case in cases}
    assert {inputs: signs(planned, f"module.case_{i}.") for i, inputs in enumerate(said)} == {
        inputs: set().union(*(change.signs for change in case)) for inputs, case in said.items()
    }


def test_what_no_apply_could_finish_is_refused(everything_on: list[str], living: Living, tmp_path: Path) -> None:
    copies = living.copies(tmp_path, {f"case_{i}": changed(change) for i, change in enumerate(REFUSED)})
    with pytest.raises(TerraformError) as refused:
        copies.plan("-refresh=false")
    errors = [" ".join(error.split()) for error in str(refused.value).split("Error: ")]
    for change in REFUSED:
        assert any(change.plan.strip("“”") in error for error in errors), f"{change.input}: {refused.value}"


def test_a_given_table_is_looked_up(everything_on: list[str], living: Living) -> None:
    assert "DecryptTables" in living.root.outputs()["given"]["policy"]  # made by the same apply
    living.write(it=FIRST, given=GIVEN, version="2")
    assert living.plan() == {"aws_apigatewayv2_api.another": "~"}
    living.write(it=FIRST, given=with_values(GIVEN, {"connections_table.name": "nowhere"}), version="2")
    with pytest.raises(TerraformError, match="nowhere"):
        living.plan()


@pytest.fixture(scope="module")
def settings_changed(everything_on: list[str], living: Living) -> tuple[Inputs, list[str]]:
    """Every setting changed at once: the inputs, and who was lost on the way."""
    inputs = changed(*(change for change in SETTINGS if change.input not in ELSEWHERE))
    return inputs, living.apply_while_clients_come_and_go(it=inputs)


def test_all_settings_change_at_once_and_nobody_is_lost(settings_changed: tuple[Inputs, list[str]]) -> None:
    assert settings_changed[1] == []


def test_who_was_connected_all_the_time_is_still_followed(
    settings_changed: tuple[Inputs, list[str]], living: Living, stays: list[Client]
) -> None:
    on, names = living.on("blue"), {client.name for client in stays}
    assert connected(on) == names
    assert all(client.is_open() for client in stays)
    for client in stays:
        client.close()
    assert until(lambda: connected(on), lambda left: not left, 60) == set()


@pytest.fixture(scope="module")
def company(settings_changed: tuple[Inputs, list[str]], living: Living) -> Inputs:
    """The stack on the other API, with another index, and with what a company requires: its inputs."""
    paths = ("websocket_api.id", "websocket_api.execution_arn", "connections_table.client_index")
    inputs = with_values(settings_changed[0], {path: ALL[path].new for path in paths} | COMPANY)
    living.write(it=inputs, given=GIVEN)
    living.root.apply()
    return inputs


def test_what_a_company_requires_is_in_force(company: Inputs, living: Living) -> None:
    assert living.root.plan() == ""
    function = living.aws.client("lambda").get_function_configuration(FunctionName=living.on("green").function("disconnect"))
    assert (len(function["VpcConfig"]["SubnetIds"]), len(function["VpcConfig"]["SecurityGroupIds"])) == (2, 1)
    assert [layer["Arn"].rpartition(":")[0].rpartition(":")[2] for layer in function["Layers"]] == ["extension"]
    assert (function["TracingConfig"]["Mode"], function["LoggingConfig"]["LogGroup"]) == ("Active", OWN_LOG_GROUP)
    assert function["Role"].endswith(":role/company/disconnect")
    assert not [role for role in living.aws.client("iam").list_roles()["Roles"] if role["RoleName"].startswith("living")]
    assert function["Environment"]["Variables"].items() >= {**company["function"]["environment"], "CONNECTIONS_TABLE": TABLE}.items()


def test_on_another_api_its_clients_are_followed(company: Inputs, living: Living) -> None:
    """@connections has an address of its own there, by which the older of two duplicates is closed."""
    on = living.on("green")
    first, older, newest = (Client(on.url, "visits the other") for _ in range(3))
    on.age(on.records(), 120_000)
    first.close()
    with pytest.raises(ConnectionClosed):
        older.socket.recv(timeout=60)
    assert len(until(on.records, lambda records: len(records) == 1, 60)) == 1
    assert newest.is_open()
    newest.close()
    assert until(on.records, lambda records: not records, 60) == []


def test_everything_is_turned_off_and_nobody_is_lost(company: Inputs, living: Living) -> None:
    """The queues last, by themselves: what waits in them goes with them."""
    off = {change.input: change.new for change in OFF} | {"delivery": "function"}
    queue = {path: off.pop(path) for path in ("disconnect_queue", "sweep.enabled", "retry_queue.enabled")}
    assert living.apply_while_clients_come_and_go("green", it=with_values(company, off)) == []
    assert living.apply_while_clients_come_and_go("green", it=with_values(company, off | queue)) == []
    assert living.root.plan() == ""
