"""The live page's server takes orders from its own page alone: any website open in the same browser can send requests to loopback."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Launch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")

OPEN_ONE = json.dumps({"count": 1})


def ask(url: str, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    """Status and text; `headers` in the place of what the page itself would send."""
    own = {"Host": urlsplit(url).netloc, "Origin": url.rstrip("/"), "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    sent = {**own, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body, {name: value for name, value in sent.items() if value})
    response = connection.getresponse()
    answer = response.status, "" if path == "/events" and response.status == 200 else response.read().decode()
    connection.close()
    return answer


def test_an_order_of_the_page_itself_is_followed(url: str, stack: Stack) -> None:
    assert ask(url, "POST", "/do/open", OPEN_ONE) == (200, "1 connected")
    assert len(stack.records()) == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/do/open", {"Origin": "https://example.com"}, 403),
        ("POST", "/do/open", {"Origin": "null"}, 403),
        ("POST", "/do/open", {"Origin": ""}, 403),
        ("POST", "/do/open", {"Host": "rebound.example.com"}, 421),
        ("POST", "/do/open", {"Content_Type": "text/plain"}, 415),
        ("GET", "/", {"Host": "rebound.example.com"}, 421),
        ("GET", "/", {"Host": "127.0.0.1"}, 421),
        ("GET", "/events", {"Host": "rebound.example.com"}, 421),
        ("GET", "/events", {"Sec_Fetch_Site": "cross-site"}, 403),
        ("GET", "/events", {"Sec_Fetch_Site": "same-site"}, 403),
        ("GET", "/server.py", {}, 404),
        ("GET", "/../server.py", {}, 404),
        ("PUT", "/do/open", {}, 501),
    ],
)
def test_whatever_else_asks_is_refused(url: str, stack: Stack, method: str, path: str, headers: dict[str, str], status: int) -> None:
    assert ask(url, method, path, OPEN_ONE if method != "GET" else None, **headers)[0] == status
    assert stack.records() == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/do/open", "{", "Expecting property name"),
        ("/do/open", "[]", "an order is a JSON object"),
        ("/do/open", "{}", "count must be a whole number from 1 to 50"),
        ("/do/open", '{"count": true}', "count must be a whole number from 1 to 50"),
        ("/do/end", '{"how": "politely"}', "how must be one of closed with code 1000, "),
        ("/do/end", '{"how": "line cut"}', "open some first"),
        ("/do/end-from-server", '{"connectionId": 1}', "connectionId must be a text"),
        ("/do/kill-process", "{}", "start it first"),
        ("/do/lose-disconnects", "{}", "on must be true or false"),
        ("/do/anything", "{}", "there is no 'anything'; there are open, "),
    ],
)
def test_an_order_that_makes_no_sense_is_answered_with_what_would(url: str, path: str, body: str, said: str) -> None:
    status, text = ask(url, "POST", path, body)
    assert status == 400
    assert said in text


def test_an_order_that_is_too_long_is_not_read(url: str) -> None:
    assert ask(url, "POST", "/do/open", " " * 5000)[0] == 413


def test_it_listens_on_loopback_alone(url: str) -> None:
    port = urlsplit(url).port or 0
    own_addresses = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in own_addresses:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)


ATTACKS = """async (url) => {
    for (const type of ['text/plain', 'application/json']) {
        const order = { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': type }, body: '{"count": 1}' };
        await fetch(url + 'do/open', order).catch(() => 'whatever was answered is not for this website');
    }
    const form = document.createElement('form');
    const frame = document.createElement('iframe');
    frame.name = 'answer';
    document.body.append(form, frame);
    Object.assign(form, { method: 'POST', action: url + 'do/open', target: 'answer', enctype: 'text/plain' });
    const answered = new Promise((resolve) => (frame.onload = resolve));
    form.submit();
    await answered;
    return new Promise((resolve) => {
        const events = new EventSource(url + 'events');
        events.onmessage = events.onopen = () => resolve('heard something');
        events.onerror = () => resolve('heard nothing');
    });
}"""


def test_another_website_in_the_same_browser_can_neither_order_nor_listen(launch: Launch, url: str, stack: Stack, website: str) -> None:
    browser = launch("--host-resolver-rules=MAP *.test 127.0.0.1")
    try:
        tab = browser.new_page()
        tab.goto(website.replace("127.0.0.1", "elsewhere.test"))
        assert tab.evaluate(ATTACKS, url) == "heard nothing"
        assert stack.records() == []

        tab.goto(url.replace("127.0.0.1", "rebound.test"))
        expect(tab.locator("body")).to_contain_text(f"this server is called {urlsplit(url).netloc}")
    finally:
        browser.close()
