"""What docs/clients.md asks of a page, shown on tools/page/client.js, which does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Launch, ending
from tests.browser.test_endings import HOLD
from tools.deployment import Watch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    with Watch(stack) as watch:
        yield watch


@pytest.fixture
def connected(tab: Page, watch: Watch) -> Page:
    """The live page, connected; its record is the only one."""
    tab.get_by_role("button", name="Connect", exact=True).click()
    expect(tab.locator("#own-state")).to_have_text("open")
    connection_id(watch)
    return tab


def connection_id(watch: Watch, *others: str) -> str:
    """The id of the only connection in the table, once it is none of the others."""

    def ids() -> list[str]:
        return [record["connectionId"]["S"] for record in watch.records.values()]

    assert watch.wait_for(lambda: len(ids()) == 1 and ids()[0] not in others, 30)
    return ids()[0]


def test_pagehide_close_is_distinguished_from_a_crash(connected: Page, stack: Stack, watch: Watch) -> None:
    first = connection_id(watch)
    connected.reload()
    assert watch.wait_until_gone(watch.records.keys() | {""})
    assert ending(stack, first) == (1005, "client_closed")


def test_a_page_that_comes_back_from_the_cache_connects_again(connected: Page, watch: Watch) -> None:
    """The browser of these tests has no such cache: the test sends the events that such a browser would send."""
    first = connection_id(watch)
    connected.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    connected.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(connected.locator("#own-state")).to_have_text("open")
    connection_id(watch, first)


def test_what_the_server_ends_comes_back_by_itself(connected: Page, stack: Stack, watch: Watch) -> None:
    first = connection_id(watch)
    stack.connections.delete_connection(ConnectionId=first)
    connection_id(watch, first)
    assert ending(stack, first) == (1000, "closed_by_server")


def test_what_the_page_itself_closed_stays_closed(connected: Page, watch: Watch) -> None:
    connected.clock.install()
    connected.get_by_role("button", name="close()").click()
    assert watch.wait_until_gone(watch.records.keys())
    connected.clock.fast_forward("02:00")
    assert not watch.wait_for(lambda: bool(watch.records), 1)
    expect(connected.locator("#own-state")).to_have_text("closed")


# 200 clients whose server is away, and how long each would wait before it tries again.
WAITS = """async (round) => {
    const { Client } = await import('./client.js');
    const waits = [];
    let sockets = [];
    window.WebSocket = class { constructor() { sockets.push(this); } close() {} };
    window.setTimeout = (retry, ms) => { waits.push([ms, retry]); return waits.length; };
    for (let i = 0; i < 200; i++) new Client('ws://127.0.0.1:1/').connect();
    for (let i = 0; ; i++) {
        for (const socket of sockets) socket.onclose({ code: 1006 });
        if (i === round) return waits.map(([ms]) => ms);
        sockets = [];
        for (const [, retry] of waits.splice(0)) retry();
    }
}"""


@pytest.mark.parametrize(("failures", "limit"), [(0, 1000), (1, 2000), (4, 16_000), (5, 30_000), (50, 30_000)])
def test_reconnects_are_spread_over_a_growing_time(tab: Page, failures: int, limit: int) -> None:
    waits = tab.evaluate(WAITS, failures)
    assert len(waits) == 200
    assert all(0 <= wait <= limit for wait in waits)
    fifths = [sum(limit * i / 5 <= wait < limit * (i + 1) / 5 for wait in waits) for i in range(5)]
    assert min(fifths) >= 10, "of 200 waits 40 are expected in each fifth"


def test_a_heartbeat_comes_before_ten_minutes_of_silence(browser: Browser, url: str, watch: Watch) -> None:
    with browser.new_context() as context:
        tab = context.new_page()
        tab.clock.install()
        with tab.expect_websocket() as opened:
            tab.goto(f"{url}#connected")
        expect(tab.locator("#own-state")).to_have_text("open")
        first = connection_id(watch)
        for _ in range(3):
            with opened.value.expect_event("framesent", lambda frame: "heartbeat" in str(frame)):
                tab.clock.run_for("09:59")
        assert connection_id(watch) == first, "the heartbeat, which no route takes, ended the connection"


def test_the_page_reconnects_at_once_when_back_online(connected: Page, watch: Watch) -> None:
    first = connection_id(watch)
    connected.context.set_offline(True)
    connected.context.set_offline(False)
    connection_id(watch, first)
    expect(connected.locator("#own-state")).to_have_text("open")


def test_the_back_forward_cache_keeps_an_unclosed_socket(launch: Launch, url: str, website: str, stack: Stack, watch: Watch) -> None:
    browser = launch(keep_pages=True)
    try:
        plain, closing = browser.new_page(), browser.new_page()
        plain.goto(website)
        plain.evaluate(HOLD, f"{stack.url}?clientId=plain")
        plain.goto(url)
        if watch.wait_until_gone(["plain"], 5):
            pytest.skip("this browser has no back/forward cache: name a full Chrome or Chromium by CHROMIUM")

        closing.goto(f"{url}#connected")
        name = closing.locator("#own-name").inner_text()
        assert watch.wait_for(lambda: name in watch.records, 30)
        first = watch.records[name]["connectionId"]["S"]
        closing.goto(website)
        assert watch.wait_until_gone([name])
        assert ending(stack, first) == (1005, "client_closed")
        assert "plain" in watch.records
        closing.evaluate("history.back()")
        assert watch.wait_for(lambda: name in watch.records, 30)
    finally:
        browser.close()
