"""The three environments, applied as they are, side by side on one local AWS. The provider mostly waits, so all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.aws import LocalAws, local_aws
from tools.stack import TABLES, Stack


@pytest.fixture(scope="session")
def lifecycle_aws() -> Iterator[LocalAws]:
    with local_aws() as aws:
        yield aws


@pytest.fixture(scope="session")
def applied(lifecycle_aws: LocalAws) -> dict[str, Stack]:
    """Every environment by its name."""
    stacks = {name: Stack.on(lifecycle_aws, name) for name in TABLES}
    for stack in stacks.values():
        stack.init()
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(Stack.apply, stacks.values()))
    return stacks


@pytest.fixture
def stacks(applied: dict[str, Stack], lifecycle_aws: LocalAws) -> Iterator[dict[str, Stack]]:
    lifecycle_aws.faults.clear()
    yield applied
    lifecycle_aws.faults.clear()
