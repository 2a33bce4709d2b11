"""Who calls, and what callers may do."""

from __future__ import annotations

import hmac
import json
import os
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import get_region
from ministack.services import iam, lambda_svc, sts

from . import replaces

NAME = re.compile(r"(?<![\w:.#])#?[A-Za-z_]\w*(?!\w*\s*\()")  # not a value, a path's later part, a function
WORDS = {"ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"}
SECRET = os.environ["AWS_SECRET_ACCESS_KEY"]  # of the root, which local.aws makes for each run
ROOT = {"Arn": "arn:aws:iam::000000000000:root", "AccountId": "000000000000", "UserId": "000000000000", "PrincipalType": "Root"}
CALLS = Path(tempfile.gettempdir()) / "judged-calls"

# A session that needs no token and does not end: any other key belongs to a user or a role.
sts._sessions[os.environ["AWS_ACCESS_KEY_ID"]] = {**ROOT, "SecretAccessKey": SECRET, "SessionToken": None}
iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]


@replaces(sts, "is_root_access_key", "e6ae3b633355")
@replaces(iam_evaluator, "is_root_access_key", "e6ae3b633355")
def is_root_access_key(_original: Any, access_key_id: str) -> bool:
    """Every caller signs each request with a secret key, and the signature is verified.

    MiniStack: `test`, any account id, the key in its own environment and no key at all are the root's, and the signature is not verified.
    A function's secret key can be computed from its ARN and its role's.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """
    return False


@replaces(lambda_svc, "execution_credentials", "cffaadc4f396")
@replaces(lambda_runtime, "execution_credentials", "cffaadc4f396")
def execution_credentials(original: Any, config: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = original(config)
    key = found["AWS_ACCESS_KEY_ID"]
    sts._sessions[key]["SecretAccessKey"] = secret = hmac.new(SECRET.encode(), key.encode(), "sha256").hexdigest()
    return {**found, "AWS_SECRET_ACCESS_KEY": secret}


@replaces(iam_evaluator, "enforce", "cf64b1ee5b09")
def enforce(original: Any, access_key: str, action: str, service: str, region: str, resource_arn: str = "*", **context: Any) -> Any:
    """CloudTrail records a user's calls, and IAM Access Analyzer makes policies from them.

    MiniStack: Its trail names operations, not IAM actions. Here each decision is a line in a file: access key, action, resource.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-generation.html
    """
    if access_key.startswith("AKIA"):  # a user: neither the root nor a role
        with CALLS.open("a") as file:
            file.write(f"{access_key} {action} {resource_arn}\n")
    return original(access_key, action, service, region, resource_arn, **context)


def denies(action: str, resource: str, **context: Any) -> bool:
    """Whether the caller of the operation at hand may not do this, too."""
    caller, service = iam_evaluator._verified_key.get(), action.partition(":")[0]
    return bool(caller) and iam_evaluator.enforce(caller, action, service, get_region(), resource, **context) is not None


@replaces(iam_evaluator, "pin_request_origin", "de819c1bd9ac")
def pin_request_origin(original: Any, source_ip: str, secure_transport: bool) -> None:
    """Policies that require TLS (aws:SecureTransport) are satisfied by https.

    MiniStack: Everything here is unencrypted loopback, which stands for https. Not for upstream.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport
    """
    original(source_ip, secure_transport=True)


@replaces(iam_evaluator, "_resolve_condition_key", "15e26964cd38")
def resolve_condition_key(original: Any, key: str, context: Any) -> Any:
    """The condition key aws:PrincipalArn of a role's session is the role's ARN, path included.

    MiniStack: It is the session's ARN.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        role = iam._roles.get(iam_evaluator._role_name_from_assumed_arn(context.principal_arn))
        return role["Arn"] if role else context.principal_arn
    return original(key, context)


@replaces(iam_actions, "dynamodb_service_context", "0f0021bdc8a3")
def dynamodb_service_context(original: Any, body: bytes) -> dict[str, Any]:
    """A condition on `dynamodb:Attributes` sees all names of a request.

    MiniStack: It reads neither the attributes of a batch nor those of other expressions than projections.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    request = json.loads(body or b"{}")
    tables = [table for table in request.get("RequestItems", {}).values() if isinstance(table, dict)]
    found = [original(json.dumps(part).encode()) for part in tables or [request]]
    attributes = {name for part in found for name in part.get("dynamodb:Attributes", ())}
    names = request.get("ExpressionAttributeNames", {})
    for expression in ("UpdateExpression", "ConditionExpression", "FilterExpression"):
        attributes |= {names.get(name, name) for name in NAME.findall(request.get(expression, "")) if name not in WORDS}
    keys: dict[str, Any] = {"dynamodb:Attributes": sorted(attributes | set(request.get("Key", ())))} if attributes else {}
    if "UpdateExpression" in request:  # reads nothing unless ReturnValues says so
        return {**keys, "dynamodb:ReturnValues": request.get("ReturnValues", "NONE")}
    whole = any(part.get("dynamodb:Select") != "SPECIFIC_ATTRIBUTES" for part in found)
    return {**found[0], **keys, "dynamodb:Select": "ALL_ATTRIBUTES" if whole else "SPECIFIC_ATTRIBUTES"}


@replaces(iam_actions, "extract_iam_action", "ec476b92d969")
def extract_iam_action(original: Any, service: str, *request: Any) -> str | None:
    """SendMessageBatch is authorised as sqs:SendMessage; other batch calls likewise.

    MiniStack: It wants an action named after the batch call.
    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    action: str | None = original(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


@replaces(iam_actions, "_lambda_action", "19fa24ebca40")
def lambda_action(_original: Any, method: str, path: str) -> str | None:
    operation: str | None = iam_actions._match_rest_action("lambda", method, path)
    return "InvokeFunction" if operation and operation.startswith("Invoke") else operation


@replaces(iam_actions, "extract_resource_arn", "82f51700695c")
def extract_resource_arn(
    original: Any, service: str, method: str, path: str, headers: Any, body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    """A call is authorised by the action and resource that the Service Authorization Reference names.

    MiniStack: Lambda's action is derived from the first words of the path, unknown ones are allowed, and the resource is * where neither
    path nor usual name gives one.
    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    parameter = partial(iam_actions._param, body, query)
    if service == "sqs" and (source := parameter("SourceArn")):
        return str(source)
    if service == "scheduler" and "/schedules/" in path:
        group = parameter("GroupName", "groupName") or "default"
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{path.rpartition('/')[2]}"
    if service == "scheduler" and path.startswith("/tags/"):
        return unquote(path.removeprefix("/tags/"))
    if service == "events" and (rule := parameter("Name", "Rule")):
        bus = parameter("EventBusName").rpartition("/")[2]
        return f"arn:aws:events:{region}:{account}:rule/{'' if bus in ('', 'default') else f'{bus}/'}{rule}"
    if service == "lambda" and path.rstrip("/").endswith("/functions") and parameter("FunctionName"):
        return f"arn:aws:lambda:{region}:{account}:function:{parameter('FunctionName')}"
    alarms = service == "monitoring"
    asks = service in ("monitoring", "logs")  # their operations are named in a header or form; an object of S3's is no JSON
    operation = asks and (parameter("Action") or re.split("[./]", headers.get("x-amz-target") or path)[-1])
    if operation == "PutCompositeAlarm":
        return "*"  # "You can't create a composite alarm if your permission has a narrower scope": API_PutCompositeAlarm
    if service == "logs" and operation == "StartQuery" and (groups := json.loads(body).get("logGroupNames")):
        return f"arn:aws:logs:{region}:{account}:log-group:{groups[0]}"
    found: str = original(service, method, path, headers, body, query, region, account)
    if found == "*" and alarms:
        alarm = parameter("AlarmNames.member.1") if operation == "DeleteAlarms" else ""  # DescribeAlarms knows no resource
        dashboard = parameter("DashboardName", "DashboardNames.member.1")
        found = f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm}" if alarm else found
        found = f"arn:aws:cloudwatch::{account}:dashboard/{dashboard}" if dashboard else found
    return parameter("ResourceArn", "ResourceARN") or found if found == "*" else found
