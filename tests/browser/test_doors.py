"""A website in the developer's own browser, by whatever name, can use neither the local AWS nor the live page."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

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
