"""`make demo` holds, reads well in a pipe, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.terraform import REPOSITORY


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not tmp_path: Terraform's plugins make sockets below it, whose paths must not be longer than about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        yield Path(name)


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "tools.demo"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def remains(folder: Path) -> list[str]:
    """Processes that mention the folder, and what is in it."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line] + [str(path) for path in folder.iterdir()]


def test_the_demo_holds_and_is_plain_text_in_a_pipe(folder: Path) -> None:
    with demo(folder) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "BROKEN" not in said
    assert "\x1b" not in said
    assert "\r" not in said
    assert remains(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_ended_midway_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    with demo(folder) as process:
        assert process.stdout
        for line in process.stdout:
            if "apply of examples" in line:
                break
        os.killpg(process.pid, number)
        process.wait(30)
    deadline = time.monotonic() + 15
    while remains(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert remains(folder) == []
