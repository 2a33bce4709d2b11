"""A real browser, and one environment on a local AWS that all its tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from local.aws import local_aws
from tests.browser import chromium
from tools.deployment import until
from tools.page.server import page
from tools.stack import Stack

Launch = Callable[..., Browser]


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
    """What starts a browser; see chromium.launch."""

    def launch(*arguments: str, **options: bool) -> Browser:
        try:
            return chromium.launch(playwright, *arguments, **options)
        except chromium.NoBrowser as problem:
            return pytest.fail(str(problem)) if os.environ.get("CI") else pytest.skip(str(problem))

    return launch


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def website() -> Iterator[str]:
    """The URL of a website that has nothing to do with the live page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>a website</title><body>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def elsewhere(launch: Launch, website: str) -> Iterator[Page]:
    """A tab with a website of another name, which stands for this machine as a rebound one does."""
    browser = launch("--host-resolver-rules=MAP *.test 127.0.0.1")
    tab = browser.new_page()
    tab.goto(website.replace("127.0.0.1", "elsewhere.test"))
    yield tab
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
