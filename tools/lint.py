"""`make lint` runs every linter, also after one that fails. `make check FOLDER=…` runs those for Terraform in one folder, also yours."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from . import fields, program, terraform
from .installed import UnavailableError, go_program
from .terraform import CACHE, REPOSITORY, Root

Outcome = tuple[bool | None, str]  # whether it passed; None = it was not run
LOCAL_SOURCE = re.compile(r'^\s*source\s*=\s*"(\.[^"]*)"', re.MULTILINE)
TFLINT = "0.64.0"
# It runs for seconds, and takes minutes to build. Without optimisations and debug information it takes two thirds of that.
QUICKLY_BUILT = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")
BUILDING, INSTALLING = threading.Lock(), threading.Lock()
# The one warning that is ignored: AWS provider 6.29 and newer want key_schema in an index, which 5.x does not know.
UNAVOIDABLE = re.compile(r"(hash|range)_key is deprecated\. Use key_schema instead\.?")


def command(*arguments: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> Outcome:
    settings = {**terraform.settled(os.environ), **(env or {})}
    done = subprocess.run(arguments, cwd=cwd, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def terraform_fmt(folder: Path = REPOSITORY) -> Outcome:
    return command(terraform.binary(), "fmt", "-check", "-diff", "-recursive", env=terraform.environment(), cwd=folder)


def complaints(found: str) -> list[str]:
    """The errors and warnings of `validate -json`. Without -json, one warning would stand for all with the same title."""
    if not found.startswith("{"):
        return [found]  # Terraform failed before
    said = []
    for it in json.loads(found)["diagnostics"]:
        if it["severity"] == "error" or not UNAVOIDABLE.fullmatch(it["detail"]):
            place = f" ({it['range']['filename']}:{it['range']['start']['line']})" if "range" in it else ""
            said.append(f"{it['severity']}: {it['summary']}{place}: {it['detail']}")
    return said


def roots(top: Path) -> list[Path]:
    """The folders with Terraform code that no other folder calls. `validate` also reads the called ones."""
    files = [file for file in top.glob("**/*.tf") if not any(part.startswith(".") for part in file.relative_to(top).parts)]
    called = {(file.parent / source).resolve() for file in files for source in LOCAL_SOURCE.findall(file.read_text())}
    return sorted({file.parent for file in files} - called)


def terraform_validate(top: Path = REPOSITORY) -> Outcome:
    failures = []
    for folder in roots(top):
        lock = folder / ".terraform.lock.hcl"
        locked = lock.exists()
        with tempfile.TemporaryDirectory() as data:
            root = Root(folder, os.environ, Path(data))
            failed, text = root.call("init", "-backend=false", *terraform.keep_lock(folder))
            found = [text] if failed else complaints(root.call("validate", "-json")[1])
        if not locked:
            lock.unlink(missing_ok=True)
        if found:
            failures.append("\n".join([f"{folder.relative_to(top)}:", *found]))
    return not failures, "\n".join(failures)


def module_fields(folder: Path) -> Outcome:
    found = fields.unknown(folder)
    return not found, "\n".join(found)


def tflint_binary() -> str:
    """The one on PATH if its version fits, otherwise one that Go builds. Raises UnavailableError if there is neither."""
    path = shutil.which("tflint")
    found = path and re.search(r"version (\d+)\.(\d+)\.(\d+)", command(path, "--version")[1])
    if path and found and tuple(map(int, found.groups())) >= tuple(map(int, TFLINT.split("."))):
        return path
    with BUILDING:
        return go_program("tflint", "github.com/terraform-linters/tflint", TFLINT, ".", *QUICKLY_BUILT)


def in_background(work: Callable[[], object]) -> None:
    """Have something built or installed while other linters run. Its linter waits for it, and says why it is missing."""

    def attempt() -> None:
        with suppress(UnavailableError):
            work()

    threading.Thread(target=attempt, daemon=True).start()


def tflint(folder: Path = REPOSITORY) -> Outcome:
    try:
        path = tflint_binary()
    except UnavailableError as missing:
        return False if os.environ.get("CI") else None, str(missing)
    env = {"TFLINT_PLUGIN_DIR": str(CACHE / "tflint")}
    rules, word = REPOSITORY / ".tflint.aws.hcl", "bundled and AWS rules"
    if not command(path, "--init", f"--config={rules}", env=env)[0]:  # the AWS rules are a plugin
        rules, word = REPOSITORY / ".tflint.hcl", "bundled rules; the AWS rules could not be downloaded"
    options = ["--recursive", f"--config={rules}", "--format=compact"]
    if folder != REPOSITORY:  # a root is not a module
        options.append("--disable-rule=terraform_standard_module_structure")
    held, text = command(path, *options, env=env, cwd=folder)
    return held, text.strip() or word


def install_checkov() -> Outcome:
    with INSTALLING:
        return command("make", ".venv-checkov/checkov")


def checkov(*options: str) -> Outcome:
    installed, text = install_checkov()
    return command(".venv-checkov/bin/checkov", *options) if installed else (installed, text)


def checkov_plan() -> Outcome:
    with tempfile.TemporaryDirectory() as plans:
        held, text = command(sys.executable, "-m", "tools.plan", "examples/complete", f"--json={plans}")
        return checkov("--config-file", ".checkov.plan.yaml", "-d", plans) if held else (held, text)


LINTERS: dict[str, Callable[[], Outcome]] = {
    "ruff": partial(command, sys.executable, "-m", "ruff", "check", "."),
    "ruff format": partial(command, sys.executable, "-m", "ruff", "format", "--diff", "--quiet", "."),
    "mypy": partial(command, sys.executable, "-m", "mypy"),
    "terraform fmt": terraform_fmt,
    "terraform validate": terraform_validate,
    "checkov": partial(checkov, "--config-file", ".checkov.yaml"),
    "checkov of a plan": checkov_plan,
    "package": partial(command, sys.executable, "-m", "tools.package", "--check"),
    "generated docs": partial(command, sys.executable, "-m", "tools.docs", "--check"),
    "tflint": tflint,
}


def linters(folder: Path) -> dict[str, Callable[[], Outcome]]:
    """Those for Terraform, in one folder."""
    rules = (terraform_fmt, terraform_validate, module_fields, tflint)
    return {rule.__name__.replace("_", " "): partial(rule, folder) for rule in rules}


def main() -> int:
    parser = program.arguments(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a root folder of Terraform; default: this repository")
    folder = parser.parse_args().folder
    if folder and not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    in_background(tflint_binary)
    if not folder:
        in_background(install_checkov)
    ended: dict[str, list[str]] = {"ok": [], "FAILED": [], "not run": []}
    for name, run in (linters(folder.resolve()) if folder else LINTERS).items():
        started = time.monotonic()
        with program.alive(program.complain, name):
            held, text = run()
        lines = text.strip().splitlines() or [""]
        outcome = {True: "ok", False: "FAILED", None: "not run"}[held]
        shown = "\n".join(lines) if held is False else lines[-1]
        program.say(f"{outcome:8}{name} ({time.monotonic() - started:.0f} s)  {shown}".rstrip())
        ended[outcome].append(name)
    rest = [f"{outcome}: {', '.join(ended[outcome])}" for outcome in ("FAILED", "not run") if ended[outcome]]
    program.say("; ".join([f"{len(ended['ok'])} linters passed", *rest]))
    return 1 if ended["FAILED"] else 0


if __name__ == "__main__":
    program.run(main)
