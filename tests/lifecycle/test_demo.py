"""`make demo` holds, reads well in a pipe, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.terraform import REPOSITORY


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


def test_the_demo_holds_and_is_plain_text_in_a_pipe(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "BROKEN" not in said
    assert "\x1b" not in said
    assert "\r" not in said
    assert remains(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_ended_midway_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        assert process.stdout
        for line in process.stdout:
            if "apply of examples" in line:
                break
        os.killpg(process.pid, number)
        process.wait(30)
    deadline = time.monotonic() + 15
    while remains(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert remains(tmp_path) == []
