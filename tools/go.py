"""Go, to build programs with: what it downloads and compiles stays inside this project's cache, and goes again."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import leash


@contextmanager
def environment(cache: Path) -> Iterator[dict[str, str]]:
    """What it takes, 1.6 GB, is of no use afterwards. By itself Go keeps them in HOME, and without -modcacherw read-only."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        kept = {"GOPATH": f"{folder}/path", "GOMODCACHE": f"{folder}/modules", "GOCACHE": f"{folder}/build"}
        yield {**os.environ, **kept, "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()}


def run(*arguments: str, env: Mapping[str, str], cwd: str | None = None) -> None:
    """On a leash: the compilers that Go starts end with this process."""
    process = leash.start(["go", *arguments], env=env, cwd=cwd)
    try:
        process.wait()
    finally:
        code = leash.end(process)
    if code:
        raise subprocess.CalledProcessError(code, ["go", *arguments])
