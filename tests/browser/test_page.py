"""The live page of `make up`: what it shows, and what its buttons do."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tools.clients import ENDINGS, Client
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")


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


def test_clients_are_shown_as_they_come_and_leave_in_every_way(tab: Page, stack: Stack) -> None:
    """Also with their process, by the server's order, and with a name that is no HTML."""
    connect(tab, len(ENDINGS))
    expect(tab.locator("#active")).to_have_text(str(len(ENDINGS)))
    for number, how in enumerate(ENDINGS, 1):
        tab.get_by_label("how", exact=True).select_option(how)
        press(tab, "End one")
        expect(tab.locator("#ended tr")).to_have_count(number)
    stranger = Client(stack.url, "<img src=x onerror=alert(1)>")
    press(tab, f"DELETE {stranger.name}")
    assert [(cause, code) for _, cause, code, _ in reversed(gone(tab, len(ENDINGS) + 1))] == [
        ("client_closed", "1000"),
        ("client_closed", "4001"),
        ("client_closed", "1005"),
        ("navigated_away", "1001"),
        ("message_too_big", "1009"),
        ("abnormal", "1006"),
        ("closed_by_server", "1000"),
    ]
    press(tab, "Start a process with three")
    expect(tab.locator("#records tr")).to_have_count(3)
    press(tab, "Kill it")
    *killed, (name, *_) = gone(tab, len(ENDINGS) + 4)[:4]
    assert {entry[1:] for entry in killed} == {("abnormal", "1006", "disconnect")}
    assert name == stranger.name
    expect(tab.locator("img")).to_have_count(0)
    expect(tab.locator("#active")).to_have_text("0")
    expect(tab.get_by_role("log")).to_contain_text("cause=client_closed")


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
    press(second, "close(4001)")
    expect(second.locator("#own-said")).to_have_text("it ended with 4001")
    assert gone(tab, 1) == [(name, "client_closed", "4001", "disconnect")]
    press(second, "Connect")
    expect(tab.locator("#records")).to_contain_text(name)
    second.close()
    assert gone(tab, 2)[0] == (name, "client_closed", "1005", "disconnect")
