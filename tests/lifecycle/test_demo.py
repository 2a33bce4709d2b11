"""`make demo`, ended midway: it leaves nothing behind. test_broadcaster.py takes its acts, and every other test here its parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools.deployment import until
from tools.terraform import REPOSITORY


def remains(folder: str) -> list[str]:
    """Processes that mention the folder, and what is in it."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in listing.splitlines() if folder in line] + [str(path) for path in Path(folder).iterdir()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_ended_midway_leaves_nothing(number: signal.Signals) -> None:
    # Not tmp_path: Terraform's plugins make sockets below it, whose paths must not be longer than about 100 characters.
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        options = {"cwd": REPOSITORY, "env": {**os.environ, "TMPDIR": folder}, "start_new_session": True}
        command, pipe = [sys.executable, "-m", "tools.demo"], subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, **options) as process:  # type: ignore[call-overload]
            lines = [""]
            while "apply of examples" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            os.killpg(process.pid, number)
            output = "".join(lines) + process.stdout.read()
            assert process.wait(30) == (-number if number == signal.SIGKILL else 130)
        assert until(lambda: remains(folder), lambda left: not left, 15, 0.1) == []
    assert [word for word in ("\x1b", "\r", "Traceback") if word in output] == []
