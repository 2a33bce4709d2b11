"""A real browser, and one environment on a local AWS that all its tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from local.aws import local_aws
from tests.browser import chromium
from tools.deployment import Watch, until
from tools.installed import UnavailableError
from tools.page.server import page
from tools.stack import Stack

Launch = Callable[[], Browser]
expect.set_options(timeout=30_000)  # ms, for what a busy machine does; an idle one needs one second


@pytest.fixture(scope="session")
def applied() -> Iterator[Stack]:
    with local_aws() as aws:
        stack = Stack(aws, "dev")
        stack.init()
        stack.apply()
        yield stack


@pytest.fixture
def stack(applied: Stack) -> Iterator[Stack]:
    """Without any connection, fault, or call that another test left."""
    yield applied
    applied.aws.faults.clear()
    requests = applied.aws.faults.requests
    until(lambda: not applied.records() and all(request.status is not None for request in requests), seconds=30, every=0.05)
    applied.clear()
    requests.clear()


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    with Watch(stack) as watch:
        yield watch


def ending(stack: Stack, connection_id: str) -> tuple[int, str]:
    """Code and cause of a connection's end, as the disconnect function logs them."""
    lines = until(lambda: [line for line in stack.lines("disconnect") if line.get("connectionId") == connection_id], seconds=30)
    return lines[0]["closeCode"], lines[0]["cause"]


@pytest.fixture
def url(stack: Stack) -> Iterator[str]:
    with page(stack) as url:
        yield url


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Its event loop runs in this thread, where no other then can: not for the whole session, whose other tests may want one."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def launch(playwright: Playwright) -> Launch:
    """What starts a browser."""

    def launch() -> Browser:
        try:
            return chromium.launch(playwright)
        except UnavailableError as problem:
            return pytest.fail(str(problem)) if os.environ.get("CI") else pytest.skip(str(problem))

    return launch


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Page]:
    """The live page in a tab, which complains of nothing."""
    complaints: list[str] = []
    with browser.new_context() as context:
        tab = context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: complaints.append(message.text) if "content security" in message.text.lower() else None)
        tab.goto(url)
        yield tab
        assert complaints == []
