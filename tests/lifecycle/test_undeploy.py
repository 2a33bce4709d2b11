"""Destroying, last of all: nothing is left. (pytest runs files in alphabetical order; the others need what is destroyed here.)"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.stack import Stack, leftovers

from .conftest import dismiss_on_call

pytestmark = pytest.mark.xdist_group("lifecycle")


def test_destroy_leaves_nothing_behind(stacks: dict[str, Stack]) -> None:
    """Two tables lose their protection first, in the two ways that docs/changing.md describes."""
    aws = stacks["prod"].aws
    stacks["prod"].root.apply(deletion_protection="false")
    aws.client("dynamodb").update_table(TableName=stacks["staging"].table, DeletionProtectionEnabled=False)
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(lambda stack: stack.root.destroy(), stacks.values()))
    for stack in stacks.values():
        stack.platform.destroy()
    dismiss_on_call(aws)  # the tests' own, not the stacks'
    assert leftovers(aws) == []
