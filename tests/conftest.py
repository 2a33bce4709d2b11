"""What every test may use."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest

from local.aws import LocalAws, local_aws

# Groups of tests, or files whose tests are in no group.
LONGEST_FIRST = (
    *("changes", "half made", "lifecycle", "queue", "proof", "browser", "dashboard feed", "test_adoption", "plans"),
    *("refusals", "test_demo", "test_bound", "test_flapping"),
)


def pytest_configure() -> None:
    """Signals that whoever started the tests ignores (nohup, a background job) would be ignored by what the tests start and end by them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def running_aws() -> Iterator[LocalAws]:
    """One local AWS for all tests of this process."""
    with local_aws() as aws:
        yield aws


@pytest.fixture
def aws(running_aws: LocalAws) -> Iterator[LocalAws]:
    """The local AWS, without any fault left over from another test."""
    running_aws.faults.clear()
    yield running_aws
    running_aws.faults.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that nothing long is left at the end."""

    def place(item: pytest.Item) -> int:
        group = item.get_closest_marker("xdist_group")
        name = group.args[0] if group else item.path.stem
        return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every garbage collection: it stays until the end, and walking it takes a sixth of some tests' time."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, whichever process they ran in."""
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", []):
            terminalreporter.write_line(f"{name}: {value}")
