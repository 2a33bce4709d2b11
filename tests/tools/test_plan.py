"""`make plan` refuses to lose a table, and leaves the folder and its repository as they were."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.deployment import until
from tools.plan import state_in
from tools.terraform import REPOSITORY, TerraformError

BACKEND = """
terraform {
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
TWO_TABLES = BACKEND + TABLE % ("this", "connections", "platform") + TABLE % ("other", "other", "platform")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A root folder on the main branch of a repository; a plan leaves nothing behind in it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(tmp_path), *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout

    inside = tmp_path / "infra"
    inside.mkdir()
    (inside / "main.tf").write_text(TWO_TABLES)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@example", "commit", "-qm", "A table")
    yield inside
    assert git("status", "--porcelain", "--ignored") in ("", " M infra/main.tf\n")
    assert git("worktree", "list").count("\n") == 1


def plan(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tools.plan", *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_change_is_planned_against_what_the_base_made(folder: Path) -> None:
    """And a plan that would lose a table is refused."""
    (folder / "main.tf").write_text(BACKEND + TABLE % ("this", "renamed", "platform") + TABLE % ("other", "other", "security"))
    planning = plan("--base", "main", folder)
    output, errors = planning.communicate()
    assert planning.returncode == 1
    assert "### `infra`" in output
    assert "**0** to create, **1** to update, **1** to replace, **0** to destroy" in output
    assert "`aws_dynamodb_table.this` would be lost" in output
    assert "refused: aws_dynamodb_table.this would be lost" in errors


def test_an_override_file_of_somebodys_stays(tmp_path: Path) -> None:
    override = tmp_path / "plan_override.tf"
    override.write_text("# mine")
    with pytest.raises(TerraformError, match=r"plan_override\.tf exists: remove it if"), state_in(tmp_path / "state", tmp_path):
        pass
    assert override.read_text() == "# mine"


def test_a_plan_that_is_terminated_leaves_the_folder_as_it_was(folder: Path) -> None:
    with plan(folder) as planning:
        assert until((folder / "plan_override.tf").exists, seconds=60, every=0.05)
        planning.terminate()
        planning.communicate(timeout=60)
    assert planning.returncode == 130
    assert [file.name for file in folder.iterdir()] == ["main.tf"]
