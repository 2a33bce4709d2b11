"""Writes the policies that Terraform needs: one to plan, and one with what apply needs as well.

    python -m tools.permissions             writes docs/permissions/plan.json and apply.json (five minutes)
    python -m tools.permissions --check     exits 1 if they are out of date

On the local AWS, which notes every call, a root is applied with the smallest call of the module, with everything on, with other
tags, with the queue, and with the smallest call again. Another user plans in between. In the end it is destroyed. Each action goes to the
statement for its resource, which is written by hand. Statements with a condition are written by hand as a whole: AWS checks those
permissions inside other calls, so that no call shows them. NAME, TABLE and the like stand for what a team writes there.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from local.aws import REGION, REPOSITORY, LocalAws, create_table, local_aws

from . import program
from .terraform import Root, TerraformError

Call = tuple[str, str]  # an action, and its resource or the statement that allows it
FOLDER = REPOSITORY / "docs" / "permissions"
NAMES = ("plan", "apply")
ACCOUNT = "000000000000"
NEVER_DENIED = "sts:GetCallerIdentity"
LARGEST_POLICY = 6144  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, white space not counted

DEFAULT_KEY = "alias/aws/dynamodb"  # TellDefaultKey allows it: a name, while AWS judges by the key behind it

ROOT = f"""
provider "aws" {{}}

module "disconnect" {{
  source            = "{REPOSITORY}"
  name              = "%(name)s"
  websocket_api     = %(websocket_api)s
  connections_table = {{ name = "%(table)s", deletion_protection = false }}
%(options)s
}}
"""

EVERYTHING = """
  kms_key_arn      = "%(key)s"
  function         = { memory_size = 512, reserved_concurrency = 5, package = { path = "%(package)s" } }
  cleanup_function = { memory_size = 2048 }
  logs             = { retention_days = 7 }
  delivery         = "%(delivery)s"
  disconnect_queue = { maximum_concurrency = 5 }
  retry_queue      = { maximum_concurrency = 6 }
  sweep            = { schedule = "rate(10 minutes)", probe = { report_queue = true } }
  related_tables   = [{ name = "RELATED" }]
  history          = { deletion_protection = false }
  duplicates       = "newest"
  events           = { client_offline_after_seconds = 60 }
  monitoring       = { alarm_actions = %(alarm_actions)s, dashboard = true, connection_metrics = true }
  tags             = { %(tag)s = "" }
"""

STEPS = (("first", "function"), ("second", "function"), ("second", "queue"))  # tags, delivery


class User:
    """A user of the local AWS with these policies, for Terraform and boto3."""

    def __init__(self, aws: LocalAws, name: str, *policies: str) -> None:
        self._aws, iam = aws, aws.client("iam")
        iam.create_user(UserName=name)
        for number, policy in enumerate(policies):
            arn = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=policy)["Policy"]["Arn"]
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.key_id = key["AccessKeyId"]
        self.environment = {**aws.environment, "AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def client(self, service: str) -> Any:
        return self._aws.client(service, aws_access_key_id=self.key_id, aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"])

    def root(self, folder: Path) -> Root:
        return Root(folder, self.environment, folder / ".terraform")

    def calls(self) -> set[Call]:
        """This user's calls so far, as local/patches/permissions.py notes them."""
        lines = (line.split(" ", 2) for line in (self._aws.folder / "judged-calls").read_text().splitlines())
        return {(action, resource) for key, action, resource in lines if key == self.key_id and action != NEVER_DENIED}


def websocket_api(aws: LocalAws) -> dict[str, str]:
    """Another stack's WebSocket API, as the module takes it."""
    gateway = aws.client("apigatewayv2")
    made = gateway.create_api(Name="api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    gateway.create_stage(ApiId=made, StageName="live", AutoDeploy=True)
    return {"id": made, "execution_arn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{made}", "stage": "live"}


def filled(policy: str, **values: str) -> str:
    """The policy with NAME="…" and so on in it."""
    for word, value in {"ACCOUNT": ACCOUNT, "REGION": REGION, **values}.items():
        policy = policy.replace(word, value)
    return policy


def record(aws: LocalAws) -> tuple[set[Call], set[Call], str]:
    """The calls of the planning and of the applying user, and the API's id."""
    folder = aws.folder / "permissions"
    folder.mkdir()
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    create_table(aws.client("dynamodb"), "RELATED")
    package = folder / "other.zip"
    shutil.copy(REPOSITORY / "dist" / "function.zip", package)
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("other", "")
    api = websocket_api(aws)
    anything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    planner, deployer = User(aws, "planner", anything), User(aws, "deployer", anything)
    root = deployer.root(folder)
    actions = json.dumps([filled("arn:aws:ssm:REGION:ACCOUNT:opsitem:3"), filled("arn:aws:ssm-incidents::ACCOUNT:responseplan/pager")])
    inputs = {"key": key, "package": package, "alarm_actions": actions}
    everything = [EVERYTHING % {**inputs, "tag": tag, "delivery": way} for tag, way in STEPS]
    for options in ("", *everything, ""):
        values = {"name": "NAME", "table": "TABLE", "websocket_api": json.dumps(api), "options": options}
        (folder / "main.tf").write_text(ROOT % values)
        root.init()
        root.apply()
        if left := planner.root(folder).plan():
            raise TerraformError(f"The plan after an apply is not empty:\n{left}")
    root.destroy()
    return planner.calls(), deployer.calls(), api["id"]


def written(name: str) -> list[dict[str, Any]]:
    return list(json.loads((FOLDER / f"{name}.json").read_text())["Statement"])


def resources() -> dict[str, list[str]]:
    """The resources of each statement that recorded actions go to, by its Sid."""
    return {statement["Sid"]: statement["Resource"] for name in NAMES for statement in written(name) if "Condition" not in statement}


def allowed(calls: Iterable[Call], api_id: str) -> set[Call]:
    """Each action with the statement that allows it."""
    patterns = {filled(arn, API_ID=api_id): sid for sid, arns in resources().items() for arn in arns}
    found = set()
    for action, resource in calls:
        if resource.endswith(DEFAULT_KEY):
            continue
        sids = [sid for arn, sid in patterns.items() if resource == arn or (arn != "*" and fnmatchcase(resource, arn))]
        if not sids:
            raise TerraformError(f"No statement allows {action} on {resource}: add one with its resource to docs/permissions/apply.json.")
        found.add((action, sids[0]))
    return found


def policy(name: str, calls: set[Call]) -> str:
    statements = [
        {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": arns}
        for sid, arns in resources().items()
        if (actions := sorted(action for action, its in calls if its == sid))
    ]
    statements += [statement for statement in written(name) if "Condition" in statement]
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"
    if (size := len("".join(text.split()))) > LARGEST_POLICY:
        raise TerraformError(f"A policy of {size} characters is more than IAM takes ({LARGEST_POLICY}): split it.")
    return text


def policies() -> dict[Path, bytes]:
    with local_aws() as aws:
        planned, applied, api_id = record(aws)
    plan = allowed(planned, api_id)
    calls = {"plan": plan, "apply": allowed(applied, api_id) - plan}
    return {FOLDER / f"{name}.json": policy(name, its).encode() for name, its in calls.items()}


def main() -> int:
    return program.generate(__doc__, "make permissions", policies)


if __name__ == "__main__":
    program.run(main)
