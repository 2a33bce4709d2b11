"""Tests that share something slow are sent to one process: pytest-xdist does so by a suffix of their ids."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("together")


def test_a_group_is_seen_by_what_spreads_the_tests(request: pytest.FixtureRequest) -> None:
    """A pytest that pytest-xdist does not know yet loses the suffix in silence, and every process applies everything."""
    assert not request.config.getoption("loadgroup", False) or request.node.nodeid.endswith("@together")
