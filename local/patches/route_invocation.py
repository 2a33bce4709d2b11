"""API Gateway invokes a route's function through Lambda's Invoke API, waits 29 s, never retries, and needs a permission for that very
route.

MiniStack: Its worker is called directly, so concurrency limits, logs, metrics and permissions do not count.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-integration.html
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.iam_evaluator import fnmatch_iam_cs
from ministack.services import apigateway, lambda_svc

from . import replaces, route_events

INTEGRATION_TIMEOUT = 29
AT_ONCE = 16  # each is a Python process; a region has more room than this machine, so the others wait instead of being throttled

_turn = asyncio.Semaphore(AT_ONCE)
_once = Config(retries={"total_max_attempts": 1}, read_timeout=INTEGRATION_TIMEOUT, max_pool_connections=AT_ONCE)
_clients: dict[str, Any] = {}


@replaces(apigateway, "_invoke_ws_lambda", "a80872394b0b")
async def invoke_route(
    api_id: str,
    account_id: str,
    region: str,
    route: dict[str, Any],
    stage: str,
    connection_id: str,
    event_type: str,
    request_id: str,
    body: str,
    source_ip: str,
    headers: dict[str, str],
    query_params: dict[str, Any] | None = None,
    **extra: Any,
) -> Any:
    integration = apigateway._integrations.get(api_id, {}).get(route.get("target", "").rpartition("/")[2])
    if not integration:
        return None
    arn = apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
    source = f"arn:aws:execute-api:{region}:{account_id}:{api_id}/{stage}/{route['routeKey']}"
    event = route_events.event(
        route["routeKey"], event_type, api_id, stage, region, connection_id, request_id, body, source_ip, headers, query_params, extra
    )
    function, _config, name = lambda_svc._get_func_record_for_ref_in_scope(arn, account_id=account_id, region=region)
    if function is None or not may_invoke(function["policy"], "apigateway.amazonaws.com", source):
        return {"statusCode": 500}
    async with _turn:
        return await asyncio.to_thread(_invoke, region, name, event)


def may_invoke(policy: dict[str, Any], service: str, source_arn: str) -> bool:
    """Whether a function's policy lets an AWS service invoke it, on behalf of this resource."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
        and statement["Principal"] == {"Service": service}
        and fnmatch_iam_cs(source_arn, statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*"))
        for statement in policy["Statement"]
    )


def _invoke(region: str, name: str, event: dict[str, Any]) -> Any:
    client = _clients.get(region) or _clients.setdefault(region, boto3.client("lambda", region, config=_once))
    try:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    except client.exceptions.TooManyRequestsException:
        return {"statusCode": 429}
    except (BotoCoreError, ClientError):
        return {"statusCode": 500}
    return {"statusCode": 500} if answer.get("FunctionError") else json.loads(answer["Payload"].read())
