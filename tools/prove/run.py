"""One run's stack: examples/complete under a random name, every part of it tagged, by Terraform with its state in a folder of its own.

The folder, .cache/prove/RUN, is there as long as anything of the run may be: a run that was killed leaves it to the next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tools.deployment import Deployment
from tools.terraform import CACHE, REPOSITORY, Root, TerraformError

from . import leftovers
from .account import Account

FOLDERS = CACHE / "prove"
GRACE_S = 90  # what an interrupted Terraform may take to finish and note what is under way
GONE_WITHIN_S = 300  # from the request to remove a thing to its end
GO_WITH_ANOTHER = {"aws_apigatewayv2_stage"}  # with its API
ROOT = """# Written by tools/prove for one run, which destroys it; a run that was killed is destroyed by the next one.
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
    def __init__(self, account: Account, run_id: str, started: str) -> None:
        self.account, self.id = account, run_id
        self.started = started  # ISO 8601, UTC
        self.folder = FOLDERS.resolve() / run_id
        self.root = Root(self.folder, os.environ, self.folder / ".terraform")
        super().__init__(account, lambda: dict(self.root.outputs()["proof"]))
        self.root.grace = GRACE_S
        self._lock: Any = None

    @property
    def name(self) -> str:
        return f"{leftovers.PREFIX}{self.id}"

    @classmethod
    def new(cls, account: Account) -> Run:
        return cls(account, secrets.token_hex(4), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def prepare(self) -> None:
        """Make the folder, or renew what is in it; it is held until this process ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.note()
        account, tags = self.account, {leftovers.TAG: self.id, leftovers.STARTED: self.started}
        words = {"region": account.region, "account": account.id, "tags": json.dumps(tags), "name": self.name}
        (self.folder / "main.tf").write_text(
            ROOT % {**words, "example": os.path.relpath(REPOSITORY / "examples" / "complete", self.folder)}
        )
        self.root.init()

    def note(self) -> None:
        """Whose run it is, for the next one."""
        whose = {"account": self.account.id, "region": self.account.region, "endpoint": self.account.endpoint, "started": self.started}
        (self.folder / "run.json").write_text(json.dumps(whose))

    def planned(self) -> tuple[Counter[str], int]:
        """What would be created: types of resources, and how many of these take tags and are found by them."""
        file = self.folder / "plan"
        self.root.plan(file)
        changes = [change for change in json.loads(self.root.show(file, "-json"))["resource_changes"] if change["mode"] == "managed"]
        tagged = [change for change in changes if "tags_all" in change["change"]["after"] and change["type"] not in GO_WITH_ANOTHER]
        return Counter(change["type"] for change in changes), len(tagged)

    @property
    def is_applied(self) -> bool:
        return "outputs" in vars(self)

    def destroy(self) -> list[leftovers.Left]:
        """Remove all of the run. Answers what Terraform had left, which is then removed too; raises when that can't be done."""
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

    def _keep_no_backups(self) -> None:
        """DynamoDB keeps a backup of a deleted table for 35 days when point-in-time recovery is on."""
        dynamodb = self.account.client("dynamodb")
        for table in (f"{self.name}-connections", f"{self.name}-connections-history"):
            with suppress(ClientError):  # not made yet, or gone already
                dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})


def here(account: Account) -> Iterator[Run]:
    """Runs of this account and region that have a folder on this machine. Those of emulators that are gone are forgotten."""
    for note in FOLDERS.glob("*/run.json"):
        whose = json.loads(note.read_text())
        if whose["endpoint"] and not _answers(whose["endpoint"]):
            shutil.rmtree(note.parent, ignore_errors=True)
        elif (whose["account"], whose["region"], whose["endpoint"]) == (account.id, account.region, account.endpoint):
            yield Run(account, note.parent.name, whose["started"])


def is_under_way(folder: Path) -> bool:
    """Whether the process that made the run still lives."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _answers(endpoint: str) -> bool:
    where = urlsplit(endpoint)
    with suppress(OSError):
        socket.create_connection((where.hostname or "", where.port or 80), 5).close()
        return True
    return False
