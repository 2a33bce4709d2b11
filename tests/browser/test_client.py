"""What docs/clients.md asks of a page, shown on tools/page/client.js, which does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ending
from tools.deployment import Watch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")


def connect(tab: Page) -> None:
    tab.get_by_role("button", name="Connect", exact=True).click()
    expect(tab.locator("#own-state")).to_have_text("open")


def connection_id(watch: Watch, *others: str) -> str:
    """The id of the only connection in the table, once it is none of the others."""

    def ids() -> list[str]:
        return [record["connectionId"]["S"] for record in watch.records.values()]

    assert watch.wait_for(lambda: len(ids()) == 1 and ids()[0] not in others, 30)
    return ids()[0]


def test_a_page_has_a_connection_for_as_long_as_it_wants_one(tab: Page, stack: Stack, watch: Watch) -> None:
    def come_back_from_the_cache() -> None:
        """The browser of these tests has no back/forward cache: the events are those that one with a cache would send."""
        for event in ("pagehide", "pageshow"):
            tab.evaluate("event => dispatchEvent(new PageTransitionEvent(event, { persisted: true }))", event)

    def come_back_online() -> None:
        tab.context.set_offline(True)
        tab.context.set_offline(False)

    def be_closed_by_the_server() -> None:
        stack.connections.delete_connection(ConnectionId=connection_id(watch))

    connect(tab)
    for interrupt, ended in (
        (come_back_from_the_cache, (1005, "client_closed")),
        (come_back_online, (1005, "client_closed")),
        (be_closed_by_the_server, (1000, "closed_by_server")),
    ):
        before = connection_id(watch)
        interrupt()
        connection_id(watch, before)
        assert ending(stack, before) == ended
        expect(tab.locator("#own-state")).to_have_text("open")

    before = connection_id(watch)
    tab.reload()
    assert watch.wait_until_gone(watch.records.keys() | {""})
    assert ending(stack, before) == (1005, "client_closed"), "which tells it from a crash"

    connect(tab)
    connection_id(watch)
    tab.clock.install()
    tab.get_by_role("button", name="close()").click()
    assert watch.wait_until_gone(watch.records.keys())
    tab.clock.fast_forward("02:00")
    assert not watch.wait_for(lambda: bool(watch.records), 1)
    expect(tab.locator("#own-state")).to_have_text("closed")


# A client whose server is away, and how long it would wait before each of its tries.
WAITS = """async ([random, tries]) => {
    const { Client } = await import('./client.js');
    const sockets = [], waits = [];
    Math.random = () => random;
    window.WebSocket = class { constructor() { sockets.push(this); } close() {} };
    window.setTimeout = (retry, ms) => { waits.push(ms); retry(); };
    new Client('ws://127.0.0.1:1/').connect();
    while (waits.length < tries) sockets.at(-1).onclose({ code: 1006 });
    return waits;
}"""


@pytest.mark.parametrize("random", [0, 0.5, 0.875])
def test_reconnects_are_spread_over_a_growing_time(random: float, tab: Page) -> None:
    limits = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    assert tab.evaluate(WAITS, [random, len(limits)]) == [random * limit for limit in limits]


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
