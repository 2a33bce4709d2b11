"""A function that is given an execute-api endpoint reaches it.

In AWS the name `{api}.execute-api.{region}.{suffix}` resolves to API Gateway. Here no name does, so the endpoint in the function's
environment is rewritten when an execution environment starts. A path can't be rewritten on the way: it is signed.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ministack.core import lambda_runtime

from . import replaces

VARIABLE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
_init = lambda_runtime.Worker.__init__


@replaces(lambda_runtime.Worker, "__init__", "9f537cd431cf")
def init(self: Any, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
    variables = dict(config.get("Environment", {}).get("Variables", {}))
    if VARIABLE in variables:
        variables[VARIABLE] = local_url(variables[VARIABLE])
    _init(self, func_name, {**config, "Environment": {"Variables": variables}}, code_zip)


def local_url(url: str) -> str:
    return re.sub(r"^https://(\w+)\.execute-api\.[\w.-]+/(.+)$", rf"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/\1/\2", url)
