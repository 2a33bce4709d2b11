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

from . import terraform, tflint
from .terraform import CACHE, REPOSITORY

Outcome = tuple[bool, str]
# The one warning that counts for nothing: AWS provider 6.29 and newer want key_schema in an index, which 5.x does not know.
UNAVOIDABLE = re.compile(r"(hash|range)_key is deprecated\. Use key_schema instead\.?")


def command(*arguments: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> Outcome:
    done = subprocess.run(
        arguments, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
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


def terraform_validate(top: Path = REPOSITORY) -> Outcome:
    """Every folder with Terraform code in it, as a root of its own."""
    files = [file for file in top.glob("**/*.tf") if not any(part.startswith(".") for part in file.relative_to(top).parts)]
    folders = sorted({file.parent for file in files})
    failures = []
    for folder in folders:
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


def tflint_rules(folder: Path = REPOSITORY) -> Outcome:
    try:
        path = tflint.binary()
    except tflint.Missing as missing:
        return not os.environ.get("CI"), f"not run: {missing}"
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
    rules = (terraform_fmt, terraform_validate, tflint_rules)
    return {rule.__name__.replace("_", " "): partial(rule, folder) for rule in rules}


def main() -> int:
    chosen = linters(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else LINTERS
    failed = []
    for name, run in chosen.items():
        started = time.monotonic()
        held, text = run()
        word = text.strip() if not held else text.strip().splitlines()[-1] if text.strip() else ""
        print(f"{'ok    ' if held else 'FAILED'}  {name} ({time.monotonic() - started:.0f} s)  {word}".rstrip(), flush=True)
        failed += [] if held else [name]
    print(f"{len(chosen) - len(failed)} linters passed" + (f", {len(failed)} failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except terraform.TerraformError as error:
        sys.exit(str(error))
