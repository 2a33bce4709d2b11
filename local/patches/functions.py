"""The environments of Lambda functions: how they start, and how they end when the function changes."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import replaces, require

MARK = "=== end of invocation ==="  # what an environment prints after each
LONGEST_INVOCATION_S = 900
ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

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


@replaces(lambda_runtime.Worker, "__init__", "9f537cd431cf")
def init(original: Any, self: Any, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
    """The name {api}.execute-api.{region}.{suffix} resolves to API Gateway.

    MiniStack: No such name resolves here, so the endpoint in a function's environment is rewritten when an execution environment starts.
    The path cannot be rewritten on the way, since it is signed. Not for upstream.
    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    variables, here = dict(config.get("Environment", {}).get("Variables", {})), f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api"
    if ENDPOINT in variables:
        variables[ENDPOINT] = re.sub(r"^https://(\w+)\.execute-api\.[\w.-]+/(.+)$", rf"{here}/\1/\2", variables[ENDPOINT])
    original(self, func_name, {**config, "Environment": {"Variables": variables}}, code_zip)


@replaces(lambda_svc, "_schedule_state_transition", "f072b21e2fd9")
def begin_update(original: Any, name: str, delay: float) -> None:
    """After an update, a function's next events run in new environments under its new role.

    MiniStack: A change of the role alone keeps the old environments.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    _retire(name)
    original(name, delay)


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
