"""`make plan`: what a reviewer is shown, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.plan import state_in
from tools.terraform import REPOSITORY, TerraformError

BACKEND = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }

  backend "s3" {
    bucket = "not-asked"
    key    = "not-asked"
  }
}
"""

TABLE = """
resource "aws_dynamodb_table" "%s" {
  name         = "%s"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "connectionId"

  attribute {
    name = "connectionId"
    type = "S"
  }

  tags = { Team = "%s" }
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A root folder on the main branch of a repository; a plan leaves nothing behind in it."""
    inside = tmp_path / "infra"
    inside.mkdir()
    write(inside)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example", "commit", "-qm", "A table")
    yield inside
    assert git(tmp_path, "status", "--porcelain", "--ignored") in ("", " M infra/main.tf\n")
    assert git(tmp_path, "worktree", "list").count("\n") == 1


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def write(folder: Path, name: str = "connections", team: str = "platform") -> None:
    """A table of this name, and one with this tag."""
    (folder / "main.tf").write_text(BACKEND + TABLE % ("this", name, "platform") + TABLE % ("other", "other", team))


def plan(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tools.plan", *arguments], cwd=REPOSITORY, capture_output=True, text=True)


def test_a_folder_is_planned_whatever_its_backend_is(folder: Path) -> None:
    done = plan(folder)
    assert done.returncode == 0, done.stderr
    assert "### `infra`" in done.stdout
    assert "**2** to create, **0** to update, **0** to replace, **0** to destroy" in done.stdout


def test_a_change_is_planned_against_what_the_base_made(folder: Path) -> None:
    """And a plan that would lose a table is refused."""
    write(folder, name="renamed", team="security")
    done = plan("--base", "main", folder)
    assert done.returncode == 1
    assert "**0** to create, **1** to update, **1** to replace, **0** to destroy" in done.stdout
    assert "`aws_dynamodb_table.this` would be lost" in done.stdout
    assert "refused: aws_dynamodb_table.this would be lost" in done.stderr


def test_an_override_file_of_somebodys_stays(tmp_path: Path) -> None:
    write(tmp_path)
    override = tmp_path / "plan_override.tf"
    override.write_text("# mine")
    with pytest.raises(TerraformError, match=r"plan_override\.tf exists: remove it if"), state_in(tmp_path / "state", tmp_path):
        pass
    assert override.read_text() == "# mine"


def test_a_plan_that_is_terminated_leaves_the_folder_as_it_was(folder: Path) -> None:
    planning = subprocess.Popen([sys.executable, "-m", "tools.plan", folder], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        while planning.poll() is None and not (folder / "plan_override.tf").exists():
            time.sleep(0.05)  # a file's coming can't be awaited
        planning.terminate()
        assert planning.wait(60) == 130
    finally:
        planning.kill()
    assert [file.name for file in folder.iterdir()] == ["main.tf"]


def test_what_can_not_be_planned_is_told_plainly(folder: Path) -> None:
    for arguments, said in (["nowhere"], "no Terraform in"), (["--base", "no-such-commit", folder], "fetch it"):
        done = plan(*arguments)
        assert (done.returncode != 0, said in done.stderr) == (True, True)
