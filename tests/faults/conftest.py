"""One AWS and one fault proxy for all tests of this process; each test has a world of its own in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from local.fault_proxy import FaultProxy
from tests.faults.process import SESSION
from tests.faults.world import World
from tests.unit.fake_aws import FakeAws

Backend = tuple[FakeAws, FaultProxy]
MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    aws = FakeAws()
    SESSION.events.register("before-send", aws.serve)  # for the worlds' own clients
    with closing(aws), FaultProxy(aws.answer) as proxy:
        yield aws, proxy


@pytest.fixture
def make_world(backend: Backend) -> Iterator[MakeWorld]:
    """make_world(*features, **variables): a world in which the functions have these environment variables."""
    with ExitStack() as worlds:

        def make(*features: dict[str, str], **variables: str) -> World:
            settings = {name: value for feature in features for name, value in feature.items()} | variables
            return worlds.enter_context(World(*backend, settings).running())

        yield make
