"""Destroying, last of all: nothing is left. (pytest runs files in alphabetical order; the others need what is destroyed here.)"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.stack import Stack, leftovers

from .conftest import dismiss_on_call

pytestmark = pytest.mark.xdist_group("lifecycle")


def destroy(stack: Stack) -> None:
    if stack.env_name != "dev":
        stack.root.apply(deletion_protection="false")
    stack.root.destroy()


def test_destroy_leaves_nothing_behind(stacks: dict[str, Stack]) -> None:
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(destroy, stacks.values()))
    for stack in stacks.values():
        stack.platform.destroy()
    assert [stack.root.resources() + stack.platform.resources() for stack in stacks.values()] == [[]] * len(stacks)
    aws = next(iter(stacks.values())).aws
    dismiss_on_call(aws)  # the tests' own, not the stacks'
    assert leftovers(aws) == []
