"""A website in the developer's own browser, by whatever name, can use neither the local AWS nor the live page."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from local.aws import REGION
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")

WEBSITE = "http://elsewhere.test/"
SIGNED = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test/20261127/{REGION}/sqs/aws4_request&X-Amz-Signature=0"
# What needs no leave of the server: a simple request, a form, an image, a WebSocket. What came back, as far as the page may know.
ATTACK = """async ([url, socketPath, signed]) => {
    const create = (name) => `Action=CreateQueue&Version=2012-11-05&QueueName=${name}&${signed}`;
    const heard = [];
    for (const path of [`/?${create('by-fetch')}`, '/_ministack/reset', '/_ministack/health'])
        for (const method of ['POST', 'GET'])
            await fetch(url + path, { method, mode: 'no-cors', credentials: 'include' }).catch(() => {});
    await fetch(`${url}/_ministack/health`).then((answer) => heard.push('fetch'), () => {});
    const frame = Object.assign(document.createElement('iframe'), { name: 'answer' });
    const form = document.createElement('form');
    Object.assign(form, { method: 'POST', action: `${url}/?${create('by-form')}`, target: 'answer', enctype: 'text/plain' });
    document.body.append(form, frame);
    await new Promise((resolve) => { frame.onload = resolve; form.submit(); });
    frame.remove(); // the next one has its name
    await new Promise((resolve) => Object.assign(new Image(), { onerror: resolve, onload: resolve, src: `${url}/?${create('by-image')}` }));
    await new Promise((resolve) => {
        const socket = new WebSocket(url.replace('http', 'ws') + socketPath);
        socket.onopen = () => { heard.push('socket'); resolve(); };
        socket.onerror = resolve;
    });
    return heard;
}"""


def test_a_website_can_do_nothing_to_any_of_our_servers(browser: Browser, url: str, stack: Stack) -> None:
    stage = urlsplit(stack.url).path
    servers = {stack.aws.endpoint: stage, stack.aws.faults.url: stage, url.rstrip("/"): "/live"}
    with browser.new_context() as context:
        elsewhere = context.new_page()
        elsewhere.route(WEBSITE, lambda route: route.fulfill(body="<body>", content_type="text/html"))
        elsewhere.goto(WEBSITE)
        for server, socket_path in servers.items():
            for name in (server, server.replace("127.0.0.1", "rebound.test")):
                assert elsewhere.evaluate(ATTACK, [name, socket_path, SIGNED]) == []
        assert stack.records() == []
        assert stack.aws.client("sqs").list_queues(QueueNamePrefix="by-").get("QueueUrls", []) == []
        assert len(stack.aws.client("apigatewayv2").get_apis()["Items"]) == 1, "nothing was reset"
        elsewhere.goto(url.replace("127.0.0.1", "rebound.test"))
        expect(elsewhere.locator("body")).to_contain_text("this server is called")


def get(url: str, path: str, method: str = "GET", **headers: str) -> int:
    """The status; 0 if there is no answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with closing(connection), suppress(http.client.RemoteDisconnected):
        return connection.getresponse().status
    return 0


def order_one(url: str, host: str = "", origin: str = "") -> Any:
    """What came of an order, sent as the page sends it but for these."""
    at = socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0), 60)
    with connect(f"ws://{host or urlsplit(url).netloc}/live", sock=at, origin=Origin(origin or url.rstrip("/")), proxy=None) as live:
        live.send('{"action": "open", "count": 1}')
        while "said" not in (parts := json.loads(live.recv(timeout=60))):
            pass
    return parts["said"]


def test_the_page_takes_orders_from_itself_alone(url: str, stack: Stack) -> None:
    elsewhere = [{"host": "rebound.example.com"}, {"host": "127.0.0.1"}, {"origin": "https://example.com"}, {"origin": "null"}]
    for headers in (*elsewhere, {"origin": "http://127.0.0.1:1"}):
        with pytest.raises(InvalidStatus, match="403"):
            order_one(url, **headers)
    assert stack.records() == []
    assert order_one(url) == {"refused": False, "text": "1 connected"}
    for headers in (*elsewhere, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        assert get(url, "/", **headers) == 403
    assert get(url, "/", Sec_Fetch_Site="none") == 200
    for method, path in ("GET", "/server.py"), ("GET", "/../server.py"), ("POST", "/"), ("PUT", "/live"):
        assert get(url, path, method) in (404, 0)  # 0: Python 3.10, whose websockets 16 closes the connection on any method but GET
    for address in {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, urlsplit(url).port or 0), timeout=5)
