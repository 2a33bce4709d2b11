"""Disconnect storms on the local AWS: real sockets that all close at once, and how many closes the function got to see.

python -m bench.storm     every size of storm at every reserved concurrency, cold; this module next to the baseline (ten minutes)

The gateway invokes as API Gateway does: what finds no free function is lost. The local one keeps at most 16 invocations under way and
shares this machine's cores with the functions, so the numbers are for comparing, not for sizing.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

import websockets

from bench import report
from bench.speed import VARIABLES
from local.aws import REGION, LocalAws, local_aws

STORMS = (1, 10, 50, 200)
RESERVED = (1, 5, 10, None)
QUIET_S = 6.0  # no more log lines for so long: the storm is over
TABLE = VARIABLES["CONNECTIONS_TABLE"]
HERE = Path(__file__).resolve().parent


def package(variant: str) -> tuple[bytes, str]:
    """The zip and the handler's name."""
    if variant == "package":
        return (HERE.parent / "dist/function.zip").read_bytes(), "disconnect.lambda_handler"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(HERE / "variants" / f"{variant}.py", "function.py")
    return archive.getvalue(), "function.lambda_handler"


def storm(aws: LocalAws, variant: str, sockets: int, reserved: int | None) -> dict[str, float]:
    """One storm on a function that has not run yet: how many closes it saw, and how long until the last (s)."""
    name, (code, handler) = f"storm-{uuid.uuid4().hex[:8]}", package(variant)
    functions, gateway, iam = (aws.client(service) for service in ("lambda", "apigatewayv2", "iam"))
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "dynamodb:DeleteItem", "Resource": f"arn:aws:dynamodb:{REGION}:000000000000:table/{TABLE}"}
    iam.put_role_policy(RoleName=name, PolicyName="delete", PolicyDocument=_policy(allow))
    arn = functions.create_function(
        FunctionName=name,
        Role=role,
        Code={"ZipFile": code},
        Handler=handler,
        Runtime="python3.13",
        Timeout=10,
        MemorySize=256,
        Environment={"Variables": VARIABLES},
    )["FunctionArn"]
    if reserved is not None:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    api = gateway.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri)["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="$disconnect", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="dev", AutoDeploy=True)
    functions.add_permission(
        FunctionName=name,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:000000000000:{api}/dev/$disconnect",
    )
    begun = asyncio.run(_close_at_once(aws.websocket_url(api, "dev"), sockets))
    seen = _wait_for_lines(aws, name, sockets)
    gateway.delete_api(ApiId=api)
    functions.delete_function(FunctionName=name)
    return {"sockets": sockets, "seen": len(seen), "seconds": max(seen, default=begun) - begun}


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def _close_at_once(url: str, number: int) -> float:
    """Opens the sockets, closes them all; the time (s, epoch) when it began to close."""
    sockets = [await websockets.connect(url, proxy=None) for _ in range(number)]
    begun = time.time()
    await asyncio.gather(*(socket.close() for socket in sockets))
    return begun


def _wait_for_lines(aws: LocalAws, function: str, expected: int) -> list[float]:
    """The times (s, epoch) of the function's lines, when all are there or no more come."""
    logs, lines, last = aws.client("logs"), list[float](), time.monotonic()
    while len(lines) < expected and time.monotonic() - last < QUIET_S:
        time.sleep(0.1)
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}", filterPattern='"outcome"')
            found = [event["timestamp"] / 1000 for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            continue
        if len(found) > len(lines):
            lines, last = found, time.monotonic()
    return lines


def table(results: dict[tuple[int, int | None, str], dict[str, float]]) -> str:
    lines = [
        "| closes | reserved concurrency | this module: lost | until the last | a second | baseline: lost | until the last | a second |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for sockets in STORMS:
        for reserved in RESERVED:
            cells = []
            for variant in ("package", "baseline"):
                result = results[sockets, reserved, variant]
                lost = 1 - result["seen"] / sockets
                rate = result["seen"] / result["seconds"] if result["seconds"] > 0 else 0
                cells += [f"{lost:.0%}", f"{result['seconds']:.1f} s", f"{rate:.0f}"]
            lines.append(f"| {sockets} | {reserved or 'none'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    results = {}
    with local_aws() as aws:
        aws.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        )
        for sockets in STORMS:
            for reserved in RESERVED:
                for variant in ("package", "baseline"):
                    results[sockets, reserved, variant] = storm(aws, variant, sockets, reserved)
                    print(sockets, reserved, variant, results[sockets, reserved, variant], flush=True)
    text = table(results)
    print(text)
    about = f"{report.now()}, `python -m bench.storm`. {report.machine()}. Every storm meets a function that has not run yet."
    report.save("storm.md", f"{text}\n\n{about}\n")


if __name__ == "__main__":
    main()
