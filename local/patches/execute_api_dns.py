"""The name {api}.execute-api.{region}.{suffix} resolves to API Gateway.

MiniStack: No such name resolves here, so the endpoint in a function's environment is rewritten when an execution environment starts.
The path cannot be rewritten on the way, since it is signed. Not for upstream.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import os
import re
from typing import Any

from ministack.core import lambda_runtime

from . import replaces

VARIABLE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"


@replaces(lambda_runtime.Worker, "__init__", "9f537cd431cf")
def init(original: Any, self: Any, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
    variables = dict(config.get("Environment", {}).get("Variables", {}))
    if VARIABLE in variables:
        variables[VARIABLE] = local_url(variables[VARIABLE])
    original(self, func_name, {**config, "Environment": {"Variables": variables}}, code_zip)


def local_url(url: str) -> str:
    return re.sub(r"^https://(\w+)\.execute-api\.[\w.-]+/(.+)$", rf"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/\1/\2", url)
