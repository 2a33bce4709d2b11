"""Plans by the real provider, offline: what a consumer's few lines come to."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools import terraform

REPOSITORY = Path(__file__).resolve().parents[2]

CONSUMER = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

module "connections" {
  source            = "%s"
  name              = "chat"
  websocket_api     = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
  connections_table = { name = "chat-connections" }
%s
}
"""

Resources = dict[str, dict[str, Any]]  # address within the module -> planned values


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what a consumer downloads, to change or to leave Terraform's files in."""
    unwanted = shutil.ignore_patterns("__pycache__", ".terraform*")
    for folder in ("modules", "function", "dist", "examples", "tests/module"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=unwanted)
    for file in REPOSITORY.glob("*.tf"):
        shutil.copy(file, tmp_path)
    return tmp_path


def forget_checksums(lock: Path) -> None:
    """Or every command would begin by computing that of the provider's 700 MB."""
    lock.write_text(re.sub(r" +hashes += \[.*?\]\n", "", lock.read_text(), flags=re.DOTALL))


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs Terraform in a folder and returns its output; raises TerraformError with it."""

    def ran(folder: Path, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [terraform.binary(), *arguments]
        with terraform.installing() if "init" in arguments else nullcontext():
            done = subprocess.run(command, cwd=folder, env={**environment, **terraform.environment()}, capture_output=True, text=True)
        if done.returncode:
            raise terraform.TerraformError(done.stdout + done.stderr)
        if "init" in arguments and (lock := folder / ".terraform.lock.hcl").exists():
            forget_checksums(lock)
        return done.stdout

    return ran


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory, run: Callable[..., str]) -> Callable[..., Resources]:
    """Plans the module with the inputs (HCL) added to the required ones, from this repository or another copy of it."""

    @cache
    def initialised(module: Path) -> Path:
        folder = tmp_path_factory.mktemp("consumer")
        (folder / "main.tf").write_text(CONSUMER % (module, ""))
        run(folder, "init", "-no-color")
        return folder

    def planned(inputs: str = "", module: Path = REPOSITORY) -> Resources:
        folder = initialised(module)
        (folder / "main.tf").write_text(CONSUMER % (module, inputs))
        run(folder, "plan", "-no-color", "-out=plan")
        changes = json.loads(run(folder, "show", "-json", "plan"))["resource_changes"]
        return {change["address"].removeprefix("module.connections."): change["change"]["after"] for change in changes}

    return planned
