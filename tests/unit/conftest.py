"""What the functions' tests share: the AWS they call, a clock that waits for nobody, entry points imported fresh, their log lines."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import log
import pytest
from hypothesis import HealthCheck, settings
from route_settings import RouteSettings

from tests.unit.fake_aws import SOCKETS, Answer, FakeAws
from tests.unit.fast_delete_server import Server
from tests.unit.support import TABLE, Clock, Lines, Load, RetryQueue, Table, bare_environment, client

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}


# How long an example takes says more of the machine than of the functions, and fixtures that last for all examples are meant to.
# CI tries the same examples every time, so that a change fails by its own fault only; everywhere else they are new each time.
settings.register_profile(
    "unit",
    max_examples=50,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("unit")


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAws]:
    with closing(FakeAws()) as running:
        boto3.setup_default_session()
        boto3.DEFAULT_SESSION.events.register("before-send", running.serve)
        yield running


@pytest.fixture
def aws(server: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAws:
    """An empty AWS, and an environment that leads there and nowhere else."""
    names = {"CONNECTIONS_TABLE": TABLE, "METRICS_NAME": "test-api", "HOME": str(tmp_path)}
    addresses = {"AWS_ENDPOINT_URL": server.url, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": server.url + SOCKETS}
    bare_environment(monkeypatch, **CREDENTIALS, **addresses, **names)
    server.reset()
    server.on("ChangeMessageVisibility", lambda request: Answer(200, {}))  # the receipts are the tests' own
    return server


@pytest.fixture(autouse=True)
def logging() -> None:
    log.configure(RouteSettings({"CONNECTIONS_TABLE": TABLE, "METRICS_NAME": "test-api"}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands still, however slow the machine is, until something sleeps or takes its time."""
    simulated = Clock(float(int(time.time())))  # whole seconds, which add up exactly
    for name in ("monotonic", "time", "sleep"):
        monkeypatch.setattr(time, name, getattr(simulated, name))
    return simulated


@pytest.fixture
def endpoint(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server in the place of all services; its `answers` say what it does."""
    with Server(None) as running:
        for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"):
            monkeypatch.setenv(variable, running.url)
        yield running


@pytest.fixture
def load(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Load:
    """load("disconnect", CLIENT_DETAILS="off") is a new environment's INIT: the entry point, imported under these variables."""

    def load(name: str, **environment: str) -> ModuleType:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


@pytest.fixture(scope="session")
def dynamodb(server: FakeAws) -> Any:
    """The test's own client."""
    return client("dynamodb", server)


@pytest.fixture(scope="session")
def sqs(server: FakeAws) -> Any:
    return client("sqs", server)


@pytest.fixture
def connections(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE)


@pytest.fixture
def clients(aws: FakeAws, dynamodb: Any) -> Table:
    """The connections table with its index of clients."""
    return Table(dynamodb, TABLE, byClient=("clientId", "connectedAt"))


@pytest.fixture
def history(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "history")


@pytest.fixture
def subscriptions(aws: FakeAws, dynamodb: Any) -> Table:
    """A related table."""
    return Table(dynamodb, "subscriptions", keys=("connectionId", "topic"))


@pytest.fixture
def queue(aws: FakeAws, sqs: Any) -> RetryQueue:
    return RetryQueue(sqs, "retry")


@pytest.fixture
def dead_letters(aws: FakeAws, sqs: Any) -> RetryQueue:
    return RetryQueue(sqs, "dead-letters")


@pytest.fixture
def cleanup(clock: Clock, queue: RetryQueue, dead_letters: RetryQueue, load: Load) -> Callable[..., ModuleType]:
    """cleanup(DUPLICATES="stale") is the clean-up function in a new environment, with its queues."""
    return partial(load, "cleanup", RETRY_QUEUE_URL=queue.url, DEAD_LETTER_QUEUE_URL=dead_letters.url)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The log lines since the last call, each of which must be one JSON object."""

    def lines() -> list[dict[str, Any]]:
        written = capsys.readouterr().out
        assert written == "" or written.endswith("\n")
        parsed = [json.loads(line) for line in written.split("\n")[:-1]]
        assert all(isinstance(line, dict) for line in parsed)
        return parsed

    return lines
