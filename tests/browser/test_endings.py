"""How the connection of a page in a browser ends, and what `$disconnect` tells of it: the table in docs/clients.md."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Error, Page

from local.aws import REPOSITORY
from tests.browser.conftest import Launch, ending
from tools.deployment import Watch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")

SILENCE_SECONDS = 5
WEBSITE = "http://localhost/"  # which has nothing to do with the live page

HOLD = """(url) => new Promise((resolve, reject) => {
    window.held = new WebSocket(url);
    held.onopen = resolve;
    held.onerror = reject;
})"""
HOLD_IN_FRAME = """(url) => new Promise((resolve) => {
    window.frame = document.body.appendChild(document.createElement('iframe'));
    new frame.contentWindow.WebSocket(url).onopen = resolve;
})"""
HOLD_IN_WORKER = """(url) => new Promise((resolve) => {
    const code = 'onmessage = ({ data }) => (new WebSocket(data).onopen = () => postMessage(1))';
    window.worker = new Worker(URL.createObjectURL(new Blob([code])));
    worker.onmessage = resolve;
    worker.postMessage(url);
})"""


@dataclass
class Held:
    """A tab, in a browser of its own, that holds a connection."""

    browser: Browser
    tab: Page
    pids: list[tuple[str, int]]  # of the browser's processes, with their kind

    def signal(self, number: signal.Signals, *kinds: str) -> None:
        for kind, pid in self.pids:
            if not kinds or kind in kinds:
                os.kill(pid, number)

    def kill_all(self) -> None:
        self.signal(signal.SIGSTOP)  # so that none of them sees another one go
        self.signal(signal.SIGKILL)

    def crash(self) -> None:
        with suppress(Error):
            self.tab.goto("chrome://crash")

    def freeze(self) -> None:
        self.tab.context.new_cdp_session(self.tab).send("Page.setWebLifecycleState", {"state": "frozen"})


# How -> the code that holds the connection, what ends it.
WAYS: dict[str, tuple[str, Callable[[Held], object]]] = {
    "`close()`": (HOLD, lambda held: held.tab.evaluate("held.close()")),
    "`close(1000)`": (HOLD, lambda held: held.tab.evaluate("held.close(1000)")),
    "`close(4001)`": (HOLD, lambda held: held.tab.evaluate("held.close(4001)")),
    "reload": (HOLD, lambda held: held.tab.reload()),
    "navigation to another page": (HOLD, lambda held: held.tab.goto("about:blank")),
    "the tab is closed": (HOLD, lambda held: held.tab.close()),
    "its frame is removed": (HOLD_IN_FRAME, lambda held: held.tab.evaluate("frame.remove()")),
    "its worker is ended": (HOLD_IN_WORKER, lambda held: held.tab.evaluate("worker.terminate()")),
    "the page crashes": (HOLD, Held.crash),
    "the page's process is killed": (HOLD, lambda held: held.signal(signal.SIGKILL, "renderer")),
    "the browser is closed": (HOLD, lambda held: held.browser.close()),
    "the browser's main process is killed": (HOLD, lambda held: held.signal(signal.SIGKILL, "browser")),
    "all of the browser's processes are killed": (HOLD, Held.kill_all),
}
SILENT: dict[str, Callable[[Held], object]] = {
    "the browser is offline": lambda held: held.tab.context.set_offline(True),
    "the page is frozen": Held.freeze,
    "all of the browser's processes are stopped": lambda held: held.signal(signal.SIGSTOP),
}


def documented() -> dict[str, tuple[str, str]]:
    """How -> code and cause, by the table in docs/clients.md."""
    text = (REPOSITORY / "docs" / "clients.md").read_text()
    table = text.partition("| what happens to the page |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| .+? \|$", table, re.MULTILINE)
    return {how: (code, cause.strip("`")) for how, code, cause in rows if how != "---"}


@pytest.fixture
def hold(launch: Launch, stack: Stack) -> Iterator[Callable[[str, str], Held]]:
    """Opens a browser whose page holds a connection: its name, and the code that makes it."""
    opened: list[Held] = []

    def hold(name: str, code: str) -> Held:
        browser = launch()
        tab = browser.new_page()
        tab.route(WEBSITE, lambda route: route.fulfill(body="<body>", content_type="text/html"))
        tab.goto(WEBSITE)
        tab.evaluate(code, f"{stack.url}?clientId={name}")
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        opened.append(Held(browser, tab, [(process["type"], process["id"]) for process in processes]))
        return opened[-1]

    yield hold
    for held in opened:
        with suppress(Error):
            held.browser.close()


@pytest.mark.parametrize("how", WAYS)
def test_an_ending_is_reported_as_documented(
    stack: Stack, watch: Watch, hold: Callable[[str, str], Held], how: str, record_property: Callable[[str, object], None]
) -> None:
    script, end = WAYS[how]
    held = hold("page", script)
    assert watch.wait_for(lambda: "page" in watch.records, 30)
    connection_id = watch.records["page"]["connectionId"]["S"]
    ended_at = time.monotonic()
    end(held)
    assert watch.wait_until_gone(["page"]), f"{how}: the record is still there"
    code, cause = ending(stack, connection_id)
    assert (str(code), cause) == documented()[how]
    took = (watch.gone_at["page"] - ended_at) * 1000
    record_property(f"ending in a browser: {how}", f"{code}, {cause}, {took:.0f} ms")


def test_a_page_that_falls_silent_keeps_its_record(watch: Watch, hold: Callable[[str, str], Held]) -> None:
    assert list(documented()) == [*WAYS, *SILENT]
    assert {documented()[how] for how in SILENT} == {("none", "none")}
    names = {how: how.replace(" ", "-") for how in SILENT}
    held = {how: hold(name, HOLD) for how, name in names.items()}
    assert watch.wait_for(lambda: watch.records.keys() == set(names.values()), 30)
    try:
        for how, fall_silent in SILENT.items():
            fall_silent(held[how])
        assert not watch.wait_for(lambda: watch.records.keys() != set(names.values()), SILENCE_SECONDS)
    finally:
        held["all of the browser's processes are stopped"].signal(signal.SIGCONT)  # or it could not be closed
    held["the browser is offline"].tab.context.set_offline(False)
    assert held["the browser is offline"].tab.evaluate("held.readyState") == 1, "the page has not noticed either"
