"""Go, to build programs with: what it downloads and compiles stays inside this project's cache, and goes again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def environment(cache: Path) -> Iterator[dict[str, str]]:
    """What it takes, 1.6 GB, is of no use afterwards. By itself Go keeps them in HOME, and without -modcacherw read-only."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        kept = {"GOPATH": f"{folder}/path", "GOMODCACHE": f"{folder}/modules", "GOCACHE": f"{folder}/build"}
        yield {**os.environ, **kept, "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()}
