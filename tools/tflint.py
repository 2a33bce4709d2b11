"""tflint: the one on PATH when its version fits, else built by Go into this project's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import go
from .terraform import CACHE, REPOSITORY

VERSION = "0.64.0"
MODULE = "github.com/terraform-linters/tflint"
RULES, WITH_AWS_RULES = REPOSITORY / ".tflint.hcl", REPOSITORY / ".tflint.aws.hcl"


class MissingError(Exception):
    """There is no tflint, and no Go to build it with."""


def binary() -> str:
    built = CACHE / "bin" / "tflint"
    for path in (shutil.which("tflint"), str(built)):
        if path and Path(path).exists() and _version(path) >= tuple(map(int, VERSION.split("."))):
            return path
    if not shutil.which("go"):
        raise MissingError(f"install tflint {VERSION} or newer (https://github.com/terraform-linters/tflint), or Go, which builds it")
    print(f"Building tflint {VERSION} once (about two minutes) …", flush=True)
    built.parent.mkdir(parents=True, exist_ok=True)
    with go.environment(CACHE) as environment:
        go.run("install", f"{MODULE}@v{VERSION}", env={**environment, "GOBIN": str(built.parent)})
    return str(built)


def configuration(tflint: str) -> tuple[Path, str]:
    """The rules to use, and a word about them: the AWS ruleset is a plugin that has to be downloaded."""
    plugins = {**os.environ, "TFLINT_PLUGIN_DIR": str(CACHE / "tflint")}
    got = subprocess.run(
        [tflint, "--init", f"--config={WITH_AWS_RULES}"], env=plugins, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return (RULES, "bundled rules; the AWS rules could not be downloaded") if got.returncode else (WITH_AWS_RULES, "bundled and AWS rules")


def _version(path: str) -> tuple[int, ...]:
    text = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0,)
