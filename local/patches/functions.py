"""Lambda functions that change while they are called."""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import replaces


@replaces(lambda_svc, "_update_code", "0998d118b422")
@replaces(lambda_svc, "_update_config", "6999cb0695da")
def update(original: Any, name: str, data: dict[str, Any]) -> Any:
    """After an update, a function's next events run in new environments under its new role. Invocations under way end in the old ones.

    MiniStack: Invocations under way end with their environment, and a change of the role alone keeps the old environments.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    _retire(name)
    answer = original(name, data)
    _retire(name)  # whatever began meanwhile, if MiniStack did not end it
    return answer


def _retire(name: str) -> None:
    """Let nothing new begin in the function's environments, and end each when it has nothing to do."""
    with lambda_runtime._lock:
        retired = lambda_runtime._workers.pop(f"{lambda_svc.get_account_id()}:{lambda_svc.get_region()}:{name}:$LATEST", [])
    threading.Thread(target=_end, args=(retired,), daemon=True).start()


def _end(workers: list[Any]) -> None:
    while any(worker.in_use for worker in workers):
        time.sleep(0.1)
    lambda_runtime.kill_workers(workers)
