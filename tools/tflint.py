"""tflint: the one on PATH if its version fits, otherwise built with Go into .cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from .installed import UnavailableError, go_environment, run_go
from .terraform import CACHE, REPOSITORY

VERSION = "0.64.0"
MODULE = "github.com/terraform-linters/tflint"
RULES, WITH_AWS_RULES = REPOSITORY / ".tflint.hcl", REPOSITORY / ".tflint.aws.hcl"


def binary() -> str:
    """Raises UnavailableError if there is neither tflint nor Go."""
    built = CACHE / "bin" / "tflint"
    for path in (shutil.which("tflint"), str(built)):
        if path and Path(path).exists() and _version(path) >= tuple(map(int, VERSION.split("."))):
            return path
    if not shutil.which("go"):
        raise UnavailableError(f"install tflint {VERSION} or newer (https://github.com/terraform-linters/tflint), or Go to build it")
    print(f"Building tflint {VERSION} once (about two minutes) …", flush=True)
    built.parent.mkdir(parents=True, exist_ok=True)
    with go_environment(CACHE) as environment:
        run_go("install", f"{MODULE}@v{VERSION}", env={**environment, "GOBIN": str(built.parent)})
    return str(built)


def configuration(tflint: str) -> tuple[Path, str]:
    """The rules to use, and what they are. The AWS rules are a plugin that must be downloaded."""
    env = {**os.environ, "TFLINT_PLUGIN_DIR": str(CACHE / "tflint")}
    if subprocess.run([tflint, "--init", f"--config={WITH_AWS_RULES}"], env=env, capture_output=True).returncode:
        return RULES, "bundled rules; the AWS rules could not be downloaded"
    return WITH_AWS_RULES, "bundled and AWS rules"


def _version(path: str) -> tuple[int, ...]:
    text = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0,)
