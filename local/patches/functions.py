"""The environments of Lambda functions: how they start, and how they end when the function changes."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import replaces, require

MARK = "=== end of invocation ==="  # what an environment prints after each
LONGEST_INVOCATION_S = 900
LONGEST_UPDATE_S = 30

_retired: list[Any] = []  # environments in which invocations may still be under way


require(lambda_runtime, "_PYTHON_WORKER_SCRIPT", "368800addf4d")


def _changed(script: str) -> str:
    """A new environment imports only what the function imports.

    MiniStack: It also imports botocore, to count how deep functions invoke each other. That takes longer than all that the route's function
    does itself.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    without = script.replace("    _ms_install_invoke_depth()\n    try:\n", "    try:\n")
    return without.replace(
        "        _real_stdout.flush()\n\nrun()",
        f"        _real_stdout.flush()\n        print({MARK!r}, file=sys.stderr, flush=True)\n\nrun()",
    )


lambda_runtime._PYTHON_WORKER_SCRIPT = _changed(lambda_runtime._PYTHON_WORKER_SCRIPT)


@replaces(lambda_svc, "_schedule_state_transition", "f072b21e2fd9")
def finish_update(original: Any, name: str, delay: float) -> None:
    """After an update, a function's next events run in new environments under its new role. The update takes seconds, in which the old
    environments finish what they have begun.

    MiniStack: After a change of the role alone, the old environments go on. An update takes half a second, which on a busy machine is less
    than a cold start. If the old role is deleted after the update, invocations that have just begun lose their permissions.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    _retire(name)

    def finish() -> None:
        _wait_while(lambda: any(worker.in_use for worker in _retired if worker.func_name == name), LONGEST_UPDATE_S)
        original(name, delay)

    threading.Thread(target=contextvars.copy_context().run, args=(finish,), daemon=True).start()


@replaces(lambda_svc, "invalidate_worker", "1be5d7f769f5")
def invalidate(original: Any, name: str, qualifier: str | None = None, **where: str) -> None:
    """Invocations under way end in the old environments, after an update, and after an invocation in another one that failed.

    MiniStack: They end with their environment.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    if qualifier == "$LATEST":
        _retire(name)
    else:
        original(name, qualifier, **where)


def _retire(name: str) -> None:
    """Let nothing new begin in the function's environments, and end each when it has nothing to do."""
    with lambda_runtime._lock:
        retired = lambda_runtime._workers.pop(f"{lambda_svc.get_account_id()}:{lambda_svc.get_region()}:{name}:$LATEST", [])
        _retired.extend(retired)
    threading.Thread(target=_end, args=(retired,), daemon=True).start()


def _end(workers: list[Any]) -> None:
    # MiniStack never gives back one in which an invocation failed.
    _wait_while(lambda: any(worker.in_use for worker in workers), LONGEST_INVOCATION_S)
    with lambda_runtime._lock:
        _retired[:] = [worker for worker in _retired if worker not in workers]
    lambda_runtime.kill_workers(workers)


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    latest = time.monotonic() + seconds
    while condition() and time.monotonic() < latest:
        time.sleep(0.1)
