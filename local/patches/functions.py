"""Lambda functions that change while they are called."""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import replaces

LONGEST_INVOCATION_S = 900


@replaces(lambda_svc, "_update_code", "0998d118b422")
@replaces(lambda_svc, "_update_config", "6999cb0695da")
def update(original: Any, name: str, data: dict[str, Any]) -> Any:
    """After an update, a function's next events run in new environments under its new role.

    MiniStack: A change of the role alone keeps the old environments.
    """
    answer = original(name, data)
    _retire(name)
    return answer


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
    threading.Thread(target=_end, args=(retired,), daemon=True).start()


def _end(workers: list[Any]) -> None:
    latest = time.monotonic() + LONGEST_INVOCATION_S  # MiniStack never gives back one in which an invocation failed
    while any(worker.in_use for worker in workers) and time.monotonic() < latest:
        time.sleep(0.1)
    lambda_runtime.kill_workers(workers)
