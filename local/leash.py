"""Run a command that can neither outlive its starter nor leave anything behind:  python leash.py GRACE COMMAND [ARGUMENT …]

The starter holds the other end of this process's standard input. When that closes, be it on purpose or because the starter
was killed, the command is asked to end, has GRACE seconds to do so, and then is killed with all its descendants, and the folder they got
as TMPDIR is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

GRACE_SECONDS = 2


def start(command: Sequence[str], grace: int = GRACE_SECONDS, **options: Any) -> subprocess.Popen[str]:
    """Start the command on a leash, with Popen's options: close `stdin` of the result, or die, to end it within `grace` seconds."""
    leash = [sys.executable, "-I", "-S", __file__, str(grace), *command]
    # A session of its own: Ctrl-C is for the starter, who then lets go.
    return subprocess.Popen(leash, stdin=subprocess.PIPE, text=True, start_new_session=True, **options)


def end(process: subprocess.Popen[str]) -> int:
    """End what `start` started, and wait until it is gone."""
    if process.stdin:
        process.stdin.close()
    code = process.wait()
    if process.stdout:
        process.stdout.close()
    return code


def main() -> int:
    folder = tempfile.mkdtemp(prefix="local-aws-")
    try:
        command = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "TMPDIR": folder})
        threading.Thread(target=_end_with_starter, args=[command, int(sys.argv[1])], daemon=True).start()
        code = command.wait()
        _kill_group(command)  # whatever it left running
        return code
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_starter(command: subprocess.Popen[bytes], grace: int) -> None:
    while os.read(0, 4096):  # nothing is ever sent: it returns when the starter lets go
        pass
    command.terminate()  # it alone: Terraform needs its plugins to end in order
    with suppress(subprocess.TimeoutExpired):
        command.wait(grace)
    _kill_group(command)


def _kill_group(command: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
