"""One AWS and one fault proxy for all tests of this process; each test has a world of its own in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import boto3
import pytest

from local.fault_proxy import FaultProxy
from tests.faults.world import REGION, World
from tests.unit.fake_aws import FakeAws

Backend = tuple[FakeAws, FaultProxy, boto3.session.Session]
MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    aws = FakeAws()
    with closing(aws), FaultProxy(aws.url) as proxy:
        yield aws, proxy, session


@pytest.fixture
def make_world(backend: Backend) -> Iterator[MakeWorld]:
    """make_world(*features, **variables): a world in which the functions have these environment variables."""
    with ExitStack() as worlds:

        def make(*features: dict[str, str], **variables: str) -> World:
            settings = {name: value for feature in features for name, value in feature.items()} | variables
            return worlds.enter_context(World(*backend, settings).running())

        yield make
