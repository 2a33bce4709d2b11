"""One run's stack: examples/complete under a random name, with tags, applied by Terraform; and the stacks that earlier runs left.

Terraform's state is in .cache/prove/RUN. That folder stays until everything of the run is removed, so that the next run can do it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError

from tools import program
from tools.deployment import Deployment
from tools.terraform import CACHE, REPOSITORY, Root, TerraformError

from . import leftovers
from .account import Account, CannotStartError

FOLDERS = CACHE / "prove"
GRACE_S = 90  # how long an interrupted Terraform may take to finish and save its state
GONE_WITHIN_S = 300  # from the request to remove a resource to its end
LONGEST_RUN_S = 4 * 3600
GO_WITH_ANOTHER = {"aws_apigatewayv2_stage"}  # removed with its API
ROOT = """# Written by tools/prove for one run, which destroys it. If the run is killed, the next one destroys it.
provider "aws" {
  region              = "%(region)s"
  allowed_account_ids = ["%(account)s"]

  default_tags {
    tags = %(tags)s
  }
}

module "proof" {
  source = "%(example)s"

  name = "%(name)s"
}

output "proof" {
  value = module.proof
}
"""


class Run(Deployment):
    def __init__(self, account: Account, run_id: str = "", started: str = "") -> None:
        """A new run, or one whose id is known. `started` is in ISO 8601, UTC."""
        self.account, self.id = account, run_id or secrets.token_hex(4)
        self.started = started or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.folder = FOLDERS.resolve() / self.id
        self.root = Root(self.folder, os.environ, self.folder / ".terraform")
        self.root.grace = GRACE_S
        super().__init__(account, lambda: dict(self.root.outputs()["proof"]))
        self._lock: Any = None

    @property
    def name(self) -> str:
        return f"{leftovers.PREFIX}{self.id}"

    def prepare(self) -> None:
        """Write the folder, and lock it until this process ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.note()
        words = {
            "region": self.account.region,
            "account": self.account.id,
            "tags": json.dumps({leftovers.TAG: self.id, leftovers.STARTED: self.started}),
            "name": self.name,
            "example": os.path.relpath(REPOSITORY / "examples" / "complete", self.folder),
        }
        (self.folder / "main.tf").write_text(ROOT % words)
        self.root.init()

    def note(self) -> None:
        """Write down whose run it is, for the next run."""
        whose = {"account": self.account.id, "region": self.account.region, "endpoint": self.account.endpoint, "started": self.started}
        (self.folder / "run.json").write_text(json.dumps(whose))

    def planned(self) -> tuple[Counter[str], int]:
        """The plan's resources by type, and how many of them a search by tag should find."""
        file = self.folder / "plan"
        self.root.plan(file)
        changes = [change for change in json.loads(self.root.show(file, "-json"))["resource_changes"] if change["mode"] == "managed"]
        tagged = [change for change in changes if "tags_all" in change["change"]["after"] and change["type"] not in GO_WITH_ANOTHER]
        return Counter(change["type"] for change in changes), len(tagged)

    @property
    def is_applied(self) -> bool:
        return "outputs" in vars(self)

    def destroy(self) -> list[leftovers.Left]:
        """Remove everything of the run, and return what Terraform had left. Raises TerraformError if something stays."""
        if (self.folder / "terraform.tfstate").exists():
            self._keep_no_backups()
            with suppress(TerraformError):  # what it leaves is found below
                self.root.destroy()
        left = still = leftovers.find(self.account, self.id)
        deadline = time.monotonic() + GONE_WITHIN_S
        while still:
            problems = list(filter(None, (leftovers.remove(self.account, thing) for thing in still)))
            still = leftovers.find(self.account, self.id)
            if still and time.monotonic() > deadline:
                raise TerraformError(f"still there after {GONE_WITHIN_S} s: {', '.join(map(str, still))} {'; '.join(problems)}")
            time.sleep(2 if still else 0)
        self.forget()
        return left

    def forget(self) -> None:
        if self._lock:
            self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether the process that made the run still lives."""
        with suppress(FileNotFoundError), (self.folder / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _keep_no_backups(self) -> None:
        """With point-in-time recovery, DynamoDB keeps a backup of a deleted table for 35 days."""
        dynamodb = self.account.client("dynamodb")
        for table in (f"{self.name}-connections", f"{self.name}-connections-history"):
            with suppress(ClientError):  # not created yet, or already gone
                dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})


def clean_up(account: Account, yes: bool) -> None:
    """Remove what earlier runs left, if the user agrees. Otherwise raise CannotStartError."""
    here = {run.id: run for run in _of_this_machine(account)}
    for run in here.values():
        if run.is_running():
            raise CannotStartError(f"A proof started at {run.started} is running on this machine. Wait until it ends.")
    elsewhere = {left.run: left.started for left in leftovers.find(account) if left.started and left.run not in here}
    for run in here.values():
        _remove(run, yes)
    for run_id, started in elsewhere.items():
        age = datetime.now(timezone.utc) - datetime.fromisoformat(started.replace("Z", "+00:00"))
        may_be_running = age.total_seconds() <= LONGEST_RUN_S
        if may_be_running:
            program.say(f"\nA proof was started at {started} on another machine and may still be running there.")
        _remove(Run(account, run_id, started), yes and not may_be_running)


def _of_this_machine(account: Account) -> Iterator[Run]:
    """Runs of this account and region that have a folder here."""
    for note in FOLDERS.glob("*/run.json"):
        whose = json.loads(note.read_text())
        if (whose["account"], whose["region"], whose["endpoint"]) == (account.id, account.region, account.endpoint):
            yield Run(account, note.parent.name, whose["started"])


def _remove(run: Run, yes: bool) -> None:
    left = Counter(thing.kind for thing in leftovers.find(run.account, run.id))
    if left:
        things = ", ".join(f"{number} {kind}" for kind, number in left.items())
        program.say(f"\nA proof of {run.started} was not cleaned up: {things}.")
        if not agree("Remove it?", yes):
            raise CannotStartError("No proof can start until it is removed.")
    if run.folder.exists():
        run.prepare()
    run.destroy()
    if left:
        program.say("It is removed: nothing is found by its tag or by name.")


def agree(question: str, yes: bool) -> bool:
    """Whether the user answers yes. `yes` answers in advance."""
    print(f"{question} yes (YES=1)\n" if yes else f"{question} [y/N] ", end="", flush=True)
    return yes or sys.stdin.readline().strip().lower() in ("y", "yes")
