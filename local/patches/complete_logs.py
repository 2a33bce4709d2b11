"""Everything that an invocation prints is in its own log, and in no other invocation's.

MiniStack: It reads what has arrived a few milliseconds after the answer. On a busy machine the last lines are lost or appear in the
next invocation. Here the worker marks the end.
Source: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import queue
import time
from typing import Any

from ministack.core import lambda_runtime

from . import replaces

MARK = "=== end of invocation ==="
LONGEST_WAIT = 5.0  # for the mark of a worker that is alive, but too busy to write it

_script = lambda_runtime._PYTHON_WORKER_SCRIPT
_after_each = "        _real_stdout.flush()\n\nrun()\n"
replaces(lambda_runtime, "_PYTHON_WORKER_SCRIPT", "368800addf4d")(
    _script.replace(_after_each, f"        _real_stdout.flush()\n        print({MARK!r}, file=sys.stderr, flush=True)\n\nrun()\n")
)


@replaces(lambda_runtime.Worker, "_drain_stderr_bounded", "3fd7cc742872")
def drain(self: Any) -> str:
    lines: list[str] = []
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline:
        try:
            line = self._stderr_queue.get(timeout=0.05)
        except queue.Empty:
            if self._stderr_thread.is_alive():
                continue
            break  # the worker died
        if line == MARK:
            break
        lines.append(line)
    return "\n".join(lines)
