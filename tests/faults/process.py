"""An invocation in a process of its own, so that it can be killed as Lambda kills: anywhere, at once, with nothing run afterwards."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import ExitStack
from threading import Event

from local.fault_proxy import FaultProxy, Request
from tests.faults.clock import Clock, Context, load, simulated_time

SERVICES = ("dynamodb", "sqs", "execute-api", "events")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["boto3", "tests.faults.clock"])


def run(name: str, event: object, environment: dict[str, str], now: float, seconds: float) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
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
