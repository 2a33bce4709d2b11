"""The live page of `make up`: what it shows, and what its buttons do."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import ConnectionClosedOK

from tools.clients import ENDINGS, Client
from tools.page.server import page
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")

WAIT_MS = 30_000  # for what a busy machine does; an idle one needs one second
expect.set_options(timeout=WAIT_MS)


def press(tab: Page, name: str) -> None:
    tab.get_by_role("button", name=name, exact=True).click()


def connect(tab: Page, number: int) -> None:
    tab.get_by_label("how many").fill(str(number))
    press(tab, "Connect them")
    expect(tab.locator("#records tr")).to_have_count(number)


def gone(tab: Page, number: int) -> list[tuple[str, str, str, str]]:
    """Client, cause, code and remover of those that left, once there are so many and all is known about them; the last first."""
    expect(tab.locator("#ended tr")).to_have_count(number)
    expect(tab.locator("#ended")).not_to_contain_text("…")
    return [tuple(row.locator("td").all_inner_texts()[:4]) for row in tab.locator("#ended tr").all()]


def test_clients_are_shown_as_they_come_and_leave_in_every_way(tab: Page) -> None:
    connect(tab, len(ENDINGS))
    expect(tab.locator("#active")).to_have_text(str(len(ENDINGS)))
    for number, how in enumerate(ENDINGS, 1):
        tab.get_by_label("how", exact=True).select_option(how)
        press(tab, "End one")
        expect(tab.locator("#ended tr")).to_have_count(number)
    assert [(cause, code) for _, cause, code, _ in reversed(gone(tab, len(ENDINGS)))] == [
        ("client_closed", "1000"),
        ("client_closed", "4001"),
        ("client_closed", "1005"),
        ("navigated_away", "1001"),
        ("message_too_big", "1009"),
        ("abnormal", "1006"),
    ]
    expect(tab.locator("#active")).to_have_text("0")
    expect(tab.get_by_role("log")).to_contain_text("cause=client_closed")


def test_a_process_is_killed(tab: Page) -> None:
    press(tab, "Start a process with three")
    expect(tab.locator("#records tr")).to_have_count(3)
    press(tab, "Kill it")
    assert {entry[1:] for entry in gone(tab, 3)} == {("abnormal", "1006", "disconnect")}


def test_the_server_ends_any_connection(tab: Page, stack: Stack) -> None:
    somebody = Client(stack.url, "somebody")
    press(tab, "DELETE somebody")
    assert gone(tab, 1) == [("somebody", "closed_by_server", "1000", "disconnect")]
    with pytest.raises(ConnectionClosedOK):
        somebody.socket.recv(timeout=10)


def test_what_a_lost_disconnect_leaves_is_swept(tab: Page) -> None:
    connect(tab, 2)
    lose = tab.get_by_role("button", name="Lose every $disconnect")
    lose.click()
    expect(lose).to_have_attribute("aria-pressed", "true")
    press(tab, "End one")
    expect(tab.locator("#held")).to_have_text("1")
    expect(tab.locator("#gap")).to_have_text("1")
    expect(tab.get_by_role("img")).to_have_attribute("aria-label", "1 sockets open, 2 records in the table")
    lose.click()
    expect(tab.locator("#said")).to_have_text("it is off; failed calls: 1")

    press(tab, "Send a message to everybody in the table")
    expect(tab.locator("#said")).to_have_text("1 reached, 1 in the table but gone (410)")
    press(tab, "Make dead records two hours old")
    expect(tab.locator("#said")).to_contain_text("1 records of ended connections")
    press(tab, "Run the sweep now")
    assert gone(tab, 1) == [("client 1", "expired", "", "cleanup")]
    expect(tab.locator("#swept")).to_contain_text("1 active, 1 expired removed")
    expect(tab.locator("#records")).to_contain_text("client 2")


def test_while_dynamodb_is_away_removals_wait_in_the_queue(tab: Page) -> None:
    connect(tab, 2)
    press(tab, "Make DynamoDB fail")
    press(tab, "End all")
    expect(tab.locator("#waiting")).to_have_text("2")
    press(tab, "Make DynamoDB fail")
    assert {entry[1:] for entry in gone(tab, 2)} == {("client_closed", "1000", "cleanup")}
    expect(tab.locator("#waiting")).to_have_text("0")
    expect(tab.locator("#dead-letters")).to_have_text("0")


def test_the_tab_itself_is_a_client_that_a_second_tab_sees_leave(tab: Page, url: str) -> None:
    second = tab.context.new_page()
    second.goto(f"{url}#connected")
    name = second.locator("#own-name").inner_text()
    expect(tab.locator("#records")).to_contain_text(name)
    press(tab, "Send a message to everybody in the table")
    expect(second.locator("#own-said")).to_have_text("it received: hello, everybody")
    second.close()
    assert gone(tab, 1) == [(name, "client_closed", "1005", "disconnect")]


def test_the_tab_closes_its_own_connection(tab: Page) -> None:
    for number, (button, code) in enumerate([("close()", "1005"), ("close(4001)", "4001")], 1):
        press(tab, "Connect")
        expect(tab.locator("#own-state")).to_have_text("open")
        expect(tab.locator("#own-said")).to_have_text("")
        press(tab, button)
        assert gone(tab, number)[0][1:] == ("client_closed", code, "disconnect")
        expect(tab.locator("#own-state")).to_have_text("closed")
        expect(tab.locator("#own-said")).to_have_text(f"it ended with {code}")


def test_the_keyboard_is_enough(tab: Page) -> None:
    expect(tab.locator("#how option")).not_to_have_count(0)  # the page has its first state
    tab.get_by_label("how many").focus()
    tab.keyboard.press("Control+A")
    tab.keyboard.type("1")
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("button", name="Connect them")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("#held")).to_have_text("1")
    tab.keyboard.press("Tab")
    expect(tab.get_by_label("how", exact=True)).to_be_focused()
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("button", name="End one")).to_be_focused()
    tab.keyboard.press("Space")
    expect(tab.locator("#ended tr")).to_have_count(1)


# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
CONTRASTS = """() => {
    const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map((value) => linear(value / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : colour;
    };
    return [...document.querySelectorAll('h1, h2, p, th, td, label, legend, button:enabled, a, b, output, dt, dd, li')].map((element) => {
        const [light, dark] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    });
}"""


def test_all_text_has_the_contrast_that_wcag_asks_for(tab: Page) -> None:
    connect(tab, 2)
    press(tab, "End one")
    gone(tab, 1)
    press(tab, "Lose every $disconnect")
    expect(tab.get_by_role("button", pressed=True)).to_be_visible()
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        contrasts = tab.evaluate(CONTRASTS)
        assert len(contrasts) > 40
        assert min(contrasts) >= 4.5
    press(tab, "Lose every $disconnect")
    expect(tab.locator("#said")).to_contain_text("it is off")


def test_a_clients_name_is_never_taken_for_html(tab: Page, stack: Stack) -> None:
    name = "<img src=x onerror=alert(1)>"
    client = Client(stack.url, name)
    expect(tab.locator("#records")).to_contain_text(name)
    client.close()
    assert gone(tab, 1)[0][0] == name
    expect(tab.locator("img")).to_have_count(0)


def test_a_refused_order_says_what_would_be_right(tab: Page) -> None:
    tab.get_by_label("how many").fill("51")
    press(tab, "Connect them")
    expect(tab.locator("#said")).to_have_text("count must be a whole number from 1 to 50")


def test_nothing_comes_from_elsewhere(browser: Browser, url: str, stack: Stack) -> None:
    asked, answered = [], []
    with browser.new_context() as context:
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
        tab.on("response", lambda response: answered.append(response.status))
        tab.goto(f"{url}#connected")
        expect(tab.locator("#records tr")).to_have_count(1)
    assert set(answered) == {200}
    assert set(asked) == {urlsplit(url).netloc}


def test_the_page_says_when_its_program_is_gone(browser: Browser, stack: Stack) -> None:
    client = Client(stack.url, "somebody")
    with browser.new_context() as context:
        tab = context.new_page()
        with page(stack) as url:
            tab.goto(url)
            expect(tab.locator("#active")).to_have_text("1")
            expect(tab.get_by_role("alert")).to_be_hidden()
        expect(tab.get_by_role("alert")).to_contain_text("was it stopped?")
        expect(tab.locator("body")).to_have_class("gone")  # which is grey
        since = tab.locator("#records td").nth(2)
        before = since.inner_text()
        tab.evaluate("new Promise((resolve) => setTimeout(resolve, 2100))")
        assert since.inner_text() == before
    client.close()


def test_a_refused_connect_is_not_a_dead_program(tab: Page) -> None:
    press(tab, "Make DynamoDB fail")
    tab.get_by_label("how many").fill("2")
    press(tab, "Connect them")
    said = tab.locator("#said")
    expect(said).to_have_text(re.compile(r"0 connected, 2 refused: \$connect failed \(HTTP \d+\)"), timeout=2 * WAIT_MS)
    expect(said).to_have_class("refused")
    expect(tab.get_by_role("alert")).to_be_hidden()
    press(tab, "Make DynamoDB fail")


def test_seven_tabs_can_all_order(tab: Page, url: str) -> None:
    for number in range(7):
        another = tab.context.new_page()
        another.goto(url)
        press(another, "Connect them") if number == 6 else None
    expect(tab.locator("#records tr")).to_have_count(5)
    expect(another.locator("#said")).to_have_text("5 connected")


def test_the_page_fits_the_window_and_shows_the_answer(tab: Page) -> None:
    tab.set_viewport_size({"width": 400, "height": 700})
    connect(tab, 2)
    tab.get_by_role("button", name="DELETE client 1").click()
    expect(tab.locator("#said")).to_contain_text("closed by the server")
    expect(tab.locator("#said")).to_be_in_viewport()
    tab.get_by_label("how", exact=True).select_option("message too big")
    press(tab, "End one")
    gone(tab, 2)
    assert all(tab.evaluate("[...document.querySelectorAll('.scroll')].map((box) => box.scrollWidth <= box.clientWidth)"))
    for width in (400, 1200):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("[...document.querySelectorAll('button')].every((b) => b.getBoundingClientRect().right <= innerWidth)")
