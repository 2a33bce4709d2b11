"""An invocation in a process of its own, so that it can be killed as Lambda kills: anywhere, at once, with nothing run afterwards."""

from __future__ import annotations

import importlib
import multiprocessing
import os
from contextlib import ExitStack
from threading import Event

import boto3

from local.fault_proxy import FaultProxy, Request
from tests.faults.clock import FUNCTION, Clock, Context, load, simulated_time

REGION = "eu-west-1"
SERVICES = ("dynamodb", "sqs", "execute-api", "events")
# What takes long is done once, also for the processes, which are forked from one that has imported this.
SESSION = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
for service in ("dynamodb", "sqs", "apigatewaymanagementapi", "events"):
    SESSION.client(service)
for path in FUNCTION.glob("*.py"):
    if path.stem not in ("disconnect", "cleanup"):
        importlib.import_module(path.stem)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def run(name: str, event: object, environment: dict[str, str], now: float, seconds: float) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    boto3.DEFAULT_SESSION = SESSION
    clock = Clock(now)
    with simulated_time(clock):
        load(name, clock).lambda_handler(event, Context(seconds, clock))


def killed_after(call: int, proxy: FaultProxy, name: str, event: object, environment: dict[str, str], now: float, seconds: float) -> bool:
    """Runs an invocation and kills it when its n-th HTTP call has been sent (and is served); whether it made that many."""
    process = _context.Process(target=run, args=(name, event, environment, now, seconds))
    started = Event()
    calls = 0

    def nth(request: Request) -> bool:
        nonlocal calls
        calls += 1
        if calls == call:
            started.wait(10)
            process.kill()
        return calls == call

    with ExitStack() as faults:
        for service in SERVICES:
            faults.enter_context(proxy.fail(service, "lose answer", where=nth))
        process.start()
        started.set()
        process.join(60)
        return calls >= call
