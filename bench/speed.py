"""What a disconnect costs in each variant: cold, warm, and after the server closed the idle connection."""

from __future__ import annotations

import compileall
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from bench.dynamodb import Endpoint
from bench.environment import SITE_PACKAGES, Environment

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "dist/function.zip"
EVENT = json.loads((HERE / "event.json").read_text())
# As the root module's defaults set them.
VARIABLES = {
    "CONNECTIONS_TABLE": "SecurityEventWebSocketConnections",
    "CLIENT_DETAILS": "masked",
    "METRICS_NAME": "security-events",
    "RETRY_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/security-events-removals",
}
SETTLING, RECONNECTS, COUNTED = 10, 5, 20


class Variant(NamedTuple):
    task: Path
    handler: str
    bundle: Path  # the roots that it would load in AWS, and the bench's own


@contextmanager
def stage() -> Iterator[tuple[dict[str, Variant], Endpoint]]:
    """The variants, unpacked as Lambda would, and the endpoint that they talk to."""
    compileall.compile_dir(SITE_PACKAGES, quiet=2)  # as the packages in Lambda's runtime are
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA(key_type=trustme.KeyType.RSA)
        between = authority.create_child_ca(key_type=trustme.KeyType.RSA)  # AWS's endpoints send a leaf and an intermediate, RSA both
        own = authority.cert_pem.bytes()
        shutil.copytree(HERE / "variants", folder / "variants", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.unpack_archive(PACKAGE, folder / "package")
        usual, amazon = SITE_PACKAGES / "botocore/cacert.pem", folder / "package/amazon_roots.pem"
        variants = {
            name: Variant(folder / "variants", f"{name}.lambda_handler", folder / f"{name}.pem") for name in ("empty", "client", "baseline")
        }
        variants["package"] = Variant(folder / "package", "disconnect.lambda_handler", folder / "package.pem")
        for name, variant in variants.items():
            variant.bundle.write_bytes((amazon if name == "package" else usual).read_bytes() + own)
        with Endpoint(between.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)) as endpoint:
            yield variants, endpoint


def _environment(variant: Variant, endpoint: Endpoint, prefix: tuple[str, ...] = ()) -> Environment:
    variables = VARIABLES | {"AWS_ENDPOINT_URL_DYNAMODB": endpoint.url, "AWS_CA_BUNDLE": str(variant.bundle)}
    return Environment(variant.task, variant.handler, variables, variant.bundle.with_suffix(".log"), prefix)


def measure(name: str, variant: Variant, endpoint: Endpoint, warm: int) -> dict[str, Any]:
    """One environment's life: CPU seconds of each phase, peak memory, and what each phase put on the wire."""
    result: dict[str, Any] = {}
    events = _events()
    endpoint.count()
    with _environment(variant, endpoint) as environment:

        def phase(times: int, before: Callable[[], None] = lambda: None) -> tuple[float, dict[str, float]]:
            begun = environment.cpu_seconds()
            for _ in range(times):
                before()
                environment.invoke(next(events))
            return (environment.cpu_seconds() - begun) / times, {what: n / times for what, n in endpoint.count().items()}

        result["init"] = environment.cpu_seconds()
        first, result["cold_wire"] = phase(1)
        result["cold"] = result["init"] + first
        phase(SETTLING)
        result["warm"], result["warm_wire"] = phase(warm)
        if name != "empty":
            result["reconnect"], result["reconnect_wire"] = phase(RECONNECTS, endpoint.close_idle_connections)
            result["dropped"], result["dropped_wire"] = phase(RECONNECTS, endpoint.drop_idle_connections)
        result["memory"] = environment.peak_memory_bytes()
    invocations = 1 + SETTLING + warm + (2 * RECONNECTS if name != "empty" else 0)
    result["log_bytes"] = variant.bundle.with_suffix(".log").stat().st_size / invocations
    _check(name, variant, result)
    return result


def _check(name: str, variant: Variant, result: dict[str, Any]) -> None:
    """Every event must have deleted a record, and the package must have done so without boto3."""
    wires = [result[phase] for phase in ("cold_wire", "warm_wire", "reconnect_wire", "dropped_wire") if phase in result]
    if any(wire.get("requests", 0) != (name != "empty") or wire.get("boto3", 0) != (name in ("client", "baseline")) for wire in wires):
        raise RuntimeError(f"{name} did not ask as it should: {wires}")
    if name != "empty":
        outcomes = re.findall(r'"outcome": ?"(\w+)"', variant.bundle.with_suffix(".log").read_text())
        if set(outcomes) != {"removed"}:
            raise RuntimeError(f"{name} logged {set(outcomes)}")


def _events() -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield EVENT | {"requestContext": EVENT["requestContext"] | {"connectionId": f"QwErS{number:010d}="}}


def instructions(variant: Variant, endpoint: Endpoint) -> dict[str, float]:
    """User-space instructions, which do not depend on the machine's load."""
    cold, settled, more = (_collected(variant, endpoint, 1 + warm) for warm in (0, SETTLING, SETTLING + COUNTED))
    return {"instructions": cold, "warm_instructions": (more - settled) / COUNTED}


def _collected(variant: Variant, endpoint: Endpoint, disconnects: int) -> int:
    log, events = variant.bundle.with_suffix(".callgrind"), _events()
    callgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}")
    with _environment(variant, endpoint, callgrind) as environment:
        for _ in range(disconnects):
            environment.invoke(next(events))
    return int(re.findall(r"Collected : (\d+)", log.read_text())[-1])


def run(rounds: int, warm: int) -> dict[str, list[dict[str, Any]]]:
    """Measure all variants in rounds, and count each one's instructions if there is valgrind."""
    with stage() as (variants, endpoint):
        samples: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
        for number in range(rounds):
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
            for name, variant in variants.items():
                samples[name].append(measure(name, variant, endpoint, warm))
        if not shutil.which("valgrind"):
            print("\rinstructions are not counted: there is no valgrind on PATH", file=sys.stderr)
            return samples
        print("\rcounting       ", file=sys.stderr, flush=True)
        counted = {name: instructions(variant, endpoint) for name, variant in variants.items()}
        return {name: [sample | counted[name] for sample in its] for name, its in samples.items()}
