"""Plans Terraform root folders against the local AWS, for reviews. No account and no credentials are needed.

    python -m tools.plan                                      every environment of this repository, on an empty account
    python -m tools.plan FOLDER …                             these folders
    python -m tools.plan --base origin/main FOLDER            what the working tree changes in a stack applied from that commit
    python -m tools.plan --platform OTHER_FOLDER FOLDER       applies another folder first, whose resources this one looks up

Prints Markdown for a pull request's comment. Exits 1 if a plan would replace or destroy a DynamoDB table. The folder's backend is not
used, the state is a temporary file, and nothing stays in the folder. `--json FOLDER` keeps the plans as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws import REPOSITORY, LocalAws, local_aws

from . import program
from .fields import unknown
from .stack import PLATFORM, TABLES, platform_variables
from .terraform import Root, TerraformError

KINDS = ("create", "update", "replace", "destroy")
LARGEST_PLAN = 40_000  # characters shown: a comment holds 65,536
BACKEND = """# Written by tools/plan.py, which removes it after the plan.
terraform {
  backend "local" {
    path = "%s"
  }
}
"""


@dataclass
class Plan:
    """What Terraform would do in a folder. `ignored`: fields of a module call that the module does not have."""

    folder: str
    text: str
    content: dict[str, Any]
    ignored: Sequence[str] = ()

    def changes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of managed resources, each with its kind."""
        for change in self.content.get("resource_changes", []):
            first, *more = change["change"]["actions"]
            kind = "replace" if more else {"delete": "destroy"}.get(first, first)
            if kind in KINDS and change["mode"] == "managed":
                yield kind, change

    @property
    def tables(self) -> list[str]:
        """The addresses of tables that it would replace or destroy."""
        return [c["address"] for kind, c in self.changes() if kind in ("replace", "destroy") and c["type"] == "aws_dynamodb_table"]

    def markdown(self) -> str:
        numbers = Counter(kind for kind, _ in self.changes())
        counts = ", ".join(f"**{numbers[kind]}** to {kind}" for kind in KINDS)
        warning = "".join(f"\n> [!CAUTION]\n> `{address}` would be lost, with every record.\n" for address in self.tables)
        warning += "".join(f"\n> [!WARNING]\n> {line}\n" for line in self.ignored)
        more = f"\n… {len(self.text) - LARGEST_PLAN} characters more" if len(self.text) > LARGEST_PLAN else ""
        shown = self.text[:LARGEST_PLAN] + more
        return f"### `{self.folder}`\n\n{counts}\n{warning}\n<details><summary>Plan</summary>\n\n```\n{shown.strip()}\n```\n\n</details>\n"


@contextmanager
def state_in(state: Path, folder: Path) -> Iterator[None]:
    """Replace the folder's backend by an override file. It is removed again, and so is a new lock file."""
    override, lock = folder / "plan_override.tf", folder / ".terraform.lock.hcl"
    if override.exists():
        raise TerraformError(f"{override} exists: remove it if an interrupted plan left it, or rename it (other_override.tf)")
    had_lock = lock.exists()
    try:
        override.write_text(BACKEND % state)
        yield
    finally:
        override.unlink(missing_ok=True)
        if not had_lock:
            lock.unlink(missing_ok=True)


@contextmanager
def checkout(folder: Path, revision: str) -> Iterator[Path]:
    """The folder as it was in a commit."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
        if done.returncode:
            raise TerraformError(f"git {arguments[0]} failed for {revision} (fetch it if it does not exist here): {done.stderr.strip()}")
        return done.stdout.strip()

    inside = folder.relative_to(git("rev-parse", "--show-toplevel"))
    with tempfile.TemporaryDirectory() as empty:
        tree = Path(empty).resolve() / "base"
        git("worktree", "add", "--quiet", "--detach", str(tree), revision)
        try:
            yield tree / inside
        finally:
            git("worktree", "remove", "--force", str(tree))


def plan(aws: LocalAws, folder: Path, platform: Path | None, base: str | None) -> Plan:
    data = Path(tempfile.mkdtemp(dir=aws.folder))
    is_env = folder.parent == REPOSITORY / "envs"
    users_own = {name.removeprefix("TF_VAR_"): value for name, value in os.environ.items() if name.startswith("TF_VAR_")}
    given: dict[str, Any] = {} if is_env else users_own
    if platform := platform or (PLATFORM if is_env else None):
        _apply(aws, platform, data / "platform", platform_variables(folder.name) if is_env else users_own)
    if base:
        with checkout(folder, base) as before:
            if before.is_dir():
                _apply(aws, before, data / "head", given)
    with state_in(data / "head.tfstate", folder), program.step(f"plan of {_shown(folder)}", program.complain):
        root = Root(folder, aws.environment, data / "head", **given)
        root.init()
        root.plan(data / "plan")
        return Plan(_shown(folder), root.show(data / "plan"), json.loads(root.show(data / "plan", "-json")), unknown(folder))


def _apply(aws: LocalAws, folder: Path, data: Path, variables: dict[str, Any]) -> None:
    with state_in(data.with_suffix(".tfstate"), folder), program.step(f"apply of {_shown(folder)}, which the plan needs", program.complain):
        root = Root(folder, aws.environment, data, **variables)
        root.init()
        root.apply()


def _shown(folder: Path) -> str:
    return str(folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder.name)


def main() -> int:
    parser = program.arguments(__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="root folders; default: every environment")
    parser.add_argument("--base", help="a commit that is applied first, so that the plan shows the change since then")
    parser.add_argument("--platform", type=Path, help="a root folder that is applied first, because the others look up its resources")
    parser.add_argument("--json", type=Path, help="a folder to keep the plans in, as JSON")
    arguments = parser.parse_args()
    folders = [folder.resolve() for folder in arguments.folders] or [REPOSITORY / "envs" / name for name in TABLES]
    if missing := [str(folder) for folder in [*folders, *filter(None, [arguments.platform])] if not any(folder.glob("*.tf"))]:
        parser.error(f"no Terraform in {', '.join(missing)}: name a folder that holds *.tf")
    lost = []
    with local_aws() as aws:
        for folder in folders:
            planned = plan(aws, folder, arguments.platform and arguments.platform.resolve(), arguments.base)
            program.say(planned.markdown())
            lost += planned.tables
            if arguments.json:
                arguments.json.mkdir(parents=True, exist_ok=True)
                (arguments.json / f"{planned.folder.replace(os.sep, '-')}.json").write_text(json.dumps(planned.content))
    if lost:
        program.complain(f"refused: {', '.join(lost)} would be lost, with every record")
    return 1 if lost else 0


if __name__ == "__main__":
    program.run(main)
