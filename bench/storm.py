"""Disconnect storms on the local AWS: real sockets that all close at once, and how many closes the function got to see.

python -m bench.storm     every size of storm at every reserved concurrency, cold and warm, thrice, next to the baseline (seven minutes)

The gateway invokes as API Gateway does: what finds no free function is lost. The local one keeps at most 16 invocations under way and
shares this machine's cores with the functions, so the numbers show what a reservation loses, not what a function can take.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import statistics
import time
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import websockets

from bench import report
from bench.speed import VARIABLES
from local.aws import REGION, LocalAws, is_disconnect, local_aws

ROUNDS = 3
STORMS = (1, 20, 100, 200)
RESERVED = (1, 5, None)
LONGEST_S = 180
TABLE = VARIABLES["CONNECTIONS_TABLE"]
HERE = Path(__file__).resolve().parent


class Storm(NamedTuple):
    """How many closes ended in a DeleteItem, and how long it took until the last was answered."""

    removed: int
    seconds: float


def package(variant: str) -> tuple[bytes, str]:
    """The zip and the handler's name."""
    if variant == "package":
        return (HERE.parent / "dist/function.zip").read_bytes(), "disconnect.lambda_handler"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(HERE / "variants" / f"{variant}.py", "function.py")
    return archive.getvalue(), "function.lambda_handler"


def storm(aws: LocalAws, variant: str, sockets: int, reserved: int | None) -> dict[str, Storm]:
    """Two storms: on a function that has not run yet, and on the environments that the first one left."""
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
    url = aws.websocket_url(api, "dev")
    storms = {"cold": _storm(aws, url, sockets), "warm": _storm(aws, url, sockets)}
    gateway.delete_api(ApiId=api)
    functions.delete_function(FunctionName=name)
    return storms


def _storm(aws: LocalAws, url: str, sockets: int) -> Storm:
    passed = aws.faults.requests  # everything that the gateway and the functions ask of AWS
    before = len(passed)
    begun = asyncio.run(_close_at_once(url, sockets))
    while True:
        invocations = [request for request in passed[before:] if is_disconnect(request)]
        if len(invocations) == sockets and all(request.status is not None for request in invocations):
            break
        if time.time() - begun > LONGEST_S:
            raise RuntimeError(f"after {LONGEST_S} s {len(invocations)} of {sockets} closes had reached Lambda")
        time.sleep(0.01)
    seconds = time.time() - begun
    removed = {
        json.dumps(request.json["Key"]) for request in passed[before:] if request.operation == "DeleteItem" and request.status == 200
    }
    return Storm(len(removed), seconds)


def _policy(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def _close_at_once(url: str, number: int) -> float:
    """Opens the sockets, closes them all; the time (s, epoch) when it began to close."""
    sockets = [await websockets.connect(url, proxy=None) for _ in range(number)]
    begun = time.time()
    await asyncio.gather(*(socket.close() for socket in sockets))
    return begun


def table(results: Mapping[tuple[int, int | None, str], list[dict[str, Storm]]]) -> str:
    lines = [
        "| closes at once | reserved concurrency | | this module: lost | removals a second | baseline: lost | removals a second |",
        "|---|---|---|---|---|---|---|",
    ]
    for sockets in STORMS:
        for reserved in RESERVED:
            for heat in ("cold", "warm"):
                cells = []
                for variant in ("package", "baseline"):
                    storms = [storms[heat] for storms in results[sockets, reserved, variant]]
                    cells.append(_spread([100 * (1 - storm.removed / sockets) for storm in storms], " %"))
                    cells.append(_spread([storm.removed / storm.seconds for storm in storms], ""))
                lines.append(f"| {sockets} | {reserved or 'none'} | {heat} | {' | '.join(cells)} |")
    return "\n".join(lines)


def apart(results: Mapping[tuple[int, int | None, str], list[dict[str, Storm]]]) -> str:
    """In how many rows the variants can be told apart: one's slowest round was faster than the other's fastest."""
    rows = list(itertools.product(STORMS, RESERVED, ("cold", "warm")))
    count = 0
    for sockets, reserved, heat in rows:
        paces = [[s[heat].removed / s[heat].seconds for s in results[sockets, reserved, variant]] for variant in ("package", "baseline")]
        count += min(paces[0]) > max(paces[1]) or min(paces[1]) > max(paces[0])
    return f"The variants' ranges of removals a second do not overlap in {count} of {len(rows)} rows"


def _spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.0f}{unit} ({min(values):.0f}-{max(values):.0f})"


def main() -> None:
    results = defaultdict(list)
    with local_aws() as aws:
        aws.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        )
        for number, sockets, reserved, variant in itertools.product(range(ROUNDS), STORMS, RESERVED, ("package", "baseline")):
            storms = storm(aws, variant, sockets, reserved)
            results[sockets, reserved, variant].append(storms)
            print(number + 1, sockets, reserved, variant, storms, flush=True)
    text = table(results)
    print(text)
    pace = (
        f"{apart(results)}: the emulator, one process on the same cores that takes a second to start a worker, sets the pace of both, "
        "and this table does not tell what the functions cost; speed.md does."
    )
    about = f"{report.now()}, `python -m bench.storm`, medians of {ROUNDS} rounds (least-most). {report.machine()}. {pace}"
    report.save("storm.md", f"{text}\n\n{about}\n")


if __name__ == "__main__":
    main()
