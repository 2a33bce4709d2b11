"""`make lint`: every linter, all of them even when one fails. `make check FOLDER=…`: those for Terraform, of one folder, yours too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import fields, program, terraform, tflint
from .terraform import CACHE, REPOSITORY

Outcome = tuple[bool | None, str]  # whether it held; None = it was not run
LOCAL_SOURCE = re.compile(r'^\s*source\s*=\s*"(\.[^"]*)"', re.MULTILINE)
# The one warning that counts for nothing: AWS provider 6.29 and newer want key_schema in an index, which 5.x does not know.
UNAVOIDABLE = re.compile(r"(hash|range)_key is deprecated\. Use key_schema instead\.?")


def command(*arguments: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> Outcome:
    settings = {**terraform.settled(os.environ), **(env or {})}
    done = subprocess.run(arguments, cwd=cwd, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def tool(name: str, *arguments: str) -> Outcome:
    return command(sys.executable, "-m", name, *arguments)


def terraform_fmt(folder: Path = REPOSITORY) -> Outcome:
    return command(terraform.binary(), "fmt", "-check", "-diff", "-recursive", env=terraform.environment(), cwd=folder)


def complaints(found: str) -> list[str]:
    """Errors and warnings that `validate -json` found; without -json, one warning would stand for all with the same title."""
    if "{" not in found:
        return [found]  # Terraform did not come to that
    said = []
    for it in json.loads(found[found.index("{") :])["diagnostics"]:
        if it["severity"] == "error" or not UNAVOIDABLE.fullmatch(it["detail"]):
            place = f" ({it['range']['filename']}:{it['range']['start']['line']})" if "range" in it else ""
            said.append(f"{it['severity']}: {it['summary']}{place}: {it['detail']}")
    return said


def roots(top: Path) -> list[Path]:
    """The folders with Terraform code that no other one calls: `validate` reads what a folder calls, too."""
    files = [file for file in top.glob("**/*.tf") if not any(part.startswith(".") for part in file.relative_to(top).parts)]
    called = {(file.parent / source).resolve() for file in files for source in LOCAL_SOURCE.findall(file.read_text())}
    return sorted({file.parent for file in files} - called)


def terraform_validate(top: Path = REPOSITORY) -> Outcome:
    failures = []
    for folder in roots(top):
        lock = folder / ".terraform.lock.hcl"
        locked, keep = lock.exists(), terraform.keep_lock(folder)
        with tempfile.TemporaryDirectory() as data:
            env = {**terraform.environment(), "TF_DATA_DIR": data}
            with terraform.installing():
                held, text = command(terraform.binary(), "init", "-backend=false", "-no-color", *keep, env=env, cwd=folder)
            if held:
                held, found = command(terraform.binary(), "validate", "-json", env=env, cwd=folder)
                text = "\n".join(complaints(found))
        if not locked:
            lock.unlink(missing_ok=True)
        if not held or text:
            failures.append(f"{folder.relative_to(top)}:\n{text}")
    return not failures, "\n".join(failures)


def module_fields(folder: Path) -> Outcome:
    found = fields.unknown(folder)
    return not found, "\n".join(found)


def tflint_rules(folder: Path = REPOSITORY) -> Outcome:
    try:
        path = tflint.binary()
    except tflint.MissingError as missing:
        return False if os.environ.get("CI") else None, str(missing)
    rules, word = tflint.configuration(path)
    held, text = command(
        path,
        "--recursive",
        f"--config={rules}",
        "--format=compact",
        *([] if folder == REPOSITORY else ["--disable-rule=terraform_standard_module_structure"]),  # a root is no module
        env={"TFLINT_PLUGIN_DIR": str(CACHE / "tflint")},
        cwd=folder,
    )
    return held, text.strip() or word


def checkov() -> Outcome:
    return command(".venv-checkov/bin/checkov", "--config-file", ".checkov.yaml")


def checkov_plan() -> Outcome:
    with tempfile.TemporaryDirectory() as plans:
        held, text = tool("tools.plan", "examples/complete", f"--json={plans}")
        return command(".venv-checkov/bin/checkov", "--config-file", ".checkov.plan.yaml", "-d", plans) if held else (held, text)


LINTERS: dict[str, Callable[[], Outcome]] = {
    "ruff": lambda: tool("ruff", "check", "."),
    "ruff format": lambda: tool("ruff", "format", "--diff", "--quiet", "."),
    "mypy": lambda: tool("mypy"),
    "terraform fmt": terraform_fmt,
    "terraform validate": terraform_validate,
    "tflint": tflint_rules,
    "checkov": checkov,
    "checkov of a plan": checkov_plan,
    "package": lambda: tool("tools.package", "--check"),
    "generated docs": lambda: tool("tools.docs", "--check"),
}


def linters(folder: Path) -> dict[str, Callable[[], Outcome]]:
    """Those for Terraform, of one folder."""
    rules = (terraform_fmt, terraform_validate, module_fields, tflint_rules)
    return {rule.__name__.replace("_", " "): partial(rule, folder) for rule in rules}


def main() -> int:
    parser = program.arguments(__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="a root folder of Terraform; this repository if none is given"
    )
    folder = parser.parse_args().folder
    if folder and not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    ended: dict[str, list[str]] = {"ok": [], "FAILED": [], "not run": []}
    for name, run in (linters(folder.resolve()) if folder else LINTERS).items():
        started = time.monotonic()
        with program.alive(program.complain, name):
            held, text = run()
        word = text.strip() if held is False else text.strip().splitlines()[-1] if text.strip() else ""
        outcome = {True: "ok", False: "FAILED", None: "not run"}[held]
        program.say(f"{outcome:8}{name} ({time.monotonic() - started:.0f} s)  {word}".rstrip())
        ended[outcome].append(name)
    rest = [f"{outcome}: {', '.join(ended[outcome])}" for outcome in ("FAILED", "not run") if ended[outcome]]
    program.say("; ".join([f"{len(ended['ok'])} linters passed", *rest]))
    return 1 if ended["FAILED"] else 0


if __name__ == "__main__":
    program.run(main)
