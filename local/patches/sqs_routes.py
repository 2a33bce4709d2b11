"""A WebSocket route can lead to SQS: API Gateway posts what the request template makes of the event, once, as the integration's role.

MiniStack: A route leads to functions only, and an integration forgets its role and template selection. Here `$context` variables that are
named in the file `unfilled` of this AWS's folder come out empty: nobody has documented that AWS fills disconnectStatusCode and
disconnectReason.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from ministack.core import iam_evaluator
from ministack.services import apigateway, apigateway_v1, cloudwatch, iam, sts

from . import replaces, route_events, route_invocation

KEPT = ("credentialsArn", "passthroughBehavior", "templateSelectionExpression")
CONTENT_TYPE = "integration.request.header.Content-Type"
UNFILLED = Path(tempfile.gettempdir()) / "unfilled"

_create, _update = apigateway._create_integration, apigateway._update_integration
_sessions: dict[str, Credentials] = {}
_http = URLLib3Session(timeout=route_invocation.INTEGRATION_TIMEOUT, max_pool_connections=route_invocation.AT_ONCE)


@replaces(apigateway, "_create_integration", "970005e3a99e")
def create_integration(api_id: str, data: dict[str, Any]) -> Any:
    return _keep(api_id, data, _create(api_id, data))


@replaces(apigateway, "_update_integration", "9fe937d47d75")
def update_integration(api_id: str, integration_id: str, data: dict[str, Any]) -> Any:
    return _keep(api_id, data, _update(api_id, integration_id, data))


def _keep(api_id: str, data: dict[str, Any], answer: Any) -> Any:
    """The answer, with what MiniStack forgot."""
    status, _, body = answer
    if status >= 300:
        return answer
    integration = apigateway._integrations[api_id][json.loads(body)["integrationId"]]
    integration.update({name: data[name] for name in KEPT if data.get(name)})
    return apigateway._apigw_response(integration, status)


@replaces(apigateway, "_invoke_ws_lambda", "a80872394b0b")
async def invoke_route(
    api_id: str,
    account: str,
    region: str,
    route: dict[str, Any],
    stage: str,
    connection_id: str,
    event_type: str,
    request_id: str,
    body: str,
    source_ip: str,
    headers: dict[str, str],
    query: dict[str, Any] | None = None,
    **extra: Any,
) -> Any:
    call = (api_id, account, region, route, stage, connection_id, event_type, request_id, body, source_ip, headers)
    query = extra.pop("query_params", query)
    integration = apigateway._integrations.get(api_id, {}).get(route.get("target", "").rpartition("/")[2], {})
    where = apigateway_v1._parse_service_integration_uri(integration.get("integrationUri", ""))
    if integration.get("integrationType") != "AWS" or not where or where[1:3] != ("sqs", "path"):
        return await route_invocation.invoke_route(*call, query, **extra)
    context = route_events.event(
        route["routeKey"], event_type, api_id, stage, region, connection_id, request_id, body, source_ip, headers, query, extra
    )["requestContext"]
    for name in UNFILLED.read_text().split() if UNFILLED.exists() else ():
        context.pop(name, None)
    credentials = _assume(integration.get("credentialsArn", ""), account)
    template = integration.get("requestTemplates", {}).get(integration.get("templateSelectionExpression", "").removeprefix("\\"))
    problem = "ExecutionError"  # nothing was called
    if credentials and template is not None:
        request = AWSRequest(
            "POST",
            f"{os.environ['AWS_ENDPOINT_URL']}/{where[3]}",
            {"Content-Type": integration.get("requestParameters", {}).get(CONTENT_TYPE, "application/json").strip("'")},
            apigateway_v1._render_request_template_v1(template, body, {}, context).encode(errors="replace"),
        )
        SigV4Auth(credentials, "sqs", where[0]).add_auth(request)
        if await asyncio.to_thread(_succeeds, request):
            return {"statusCode": 200}
        problem = "IntegrationError"
    cloudwatch.record_metric("AWS/ApiGateway", problem, 1, "Count", {"ApiId": api_id, "Stage": stage})
    return {"statusCode": 500}


def _assume(role_arn: str, account: str) -> Credentials | None:
    """A session of the role, if it is there and trusts API Gateway."""
    name = role_arn.rpartition("/")[2]
    role = iam._roles.get(name)
    trust = json.loads(role["AssumeRolePolicyDocument"])["Statement"] if role else []
    if not any(iam_evaluator._service_principal_matches(statement["Principal"], "apigateway.amazonaws.com") for statement in trust):
        return None
    if role_arn not in _sessions:
        keys = _sessions[role_arn] = Credentials(f"ASIA{uuid.uuid4().hex[:16].upper()}", uuid.uuid4().hex, uuid.uuid4().hex)
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/BackplaneAssumeRoleSession"
        session = {"Arn": arn, "UserId": f"{name}:gateway", "SecretAccessKey": keys.secret_key, "SessionToken": keys.token}
        sts.register_session(keys.access_key, session)
    return _sessions[role_arn]


def _succeeds(request: AWSRequest) -> bool:
    try:
        return bool(_http.send(request.prepare()).status_code < 300)
    except HTTPClientError:
        return False
