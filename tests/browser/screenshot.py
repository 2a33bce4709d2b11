"""`make screenshot`: pictures of the live page in use, light and dark, and of the dashboard after two busy minutes, into docs/images."""

from __future__ import annotations

import base64
import contextlib
import random
import sys
import time

from playwright.sync_api import Page, expect, sync_playwright

from local.aws import REPOSITORY, is_disconnect, local_aws
from tests.browser import chromium
from tools.clients import ENDINGS, open_clients
from tools.page.server import page
from tools.picture import dashboard
from tools.stack import Stack

IMAGES = REPOSITORY / "docs" / "images"
PERIOD_S = 5  # the dashboard itself has periods of five minutes
SECONDS = 120
expect.set_options(timeout=60_000)  # ms, for what a busy machine does
SIZE = {"width": 1120, "height": 1240}


def play(tab: Page) -> None:
    """A few clients leave in every way, one of them without an event."""

    def press(name: str) -> None:
        tab.get_by_role("button", name=name, exact=True).click()
        expect(tab.locator("#said")).not_to_contain_text("…")

    press("Connect")
    expect(tab.locator("#own-state")).to_have_text("open")
    press("Start a process with three")
    tab.get_by_label("how many").fill(str(len(ENDINGS) + 3))
    press("Connect them")
    expect(tab.locator("#records tr")).to_have_count(len(ENDINGS) + 3 + 3 + 1)
    press("Lose every $disconnect")
    press("End one")
    press("Lose every $disconnect")
    press("Make dead records two hours old")
    press("Run the sweep now")
    expect(tab.locator("#ended tr")).to_have_count(1)
    press("Kill it")
    expect(tab.locator("#ended tr")).to_have_count(4)
    for number, how in enumerate(ENDINGS, 5):
        tab.get_by_label("how", exact=True).select_option(how)
        press("End one")
        expect(tab.locator("#ended tr")).to_have_count(number)
    press("Send a message to everybody in the table")
    expect(tab.locator("#ended")).not_to_contain_text("…")
    expect(tab.locator("#own-said")).to_contain_text("hello")


def two_busy_minutes(stack: Stack) -> float:
    """Two clients a second leave. DynamoDB is unavailable for a while; later every other $disconnect is lost. When they began (epoch s)."""
    staying = open_clients(stack.url, [f"stays-{number}" for number in range(20)])
    hows = random.choices(sorted(ENDINGS), k=2 * SECONDS)
    leaving = list(zip(hows, open_clients(stack.url, [f"{number}-{how}" for number, how in enumerate(hows)]), strict=True))
    faults, trouble, started = stack.aws.faults, contextlib.ExitStack(), time.time() // PERIOD_S * PERIOD_S
    for second in range(SECONDS):
        began = time.monotonic()
        if second == 15:
            trouble.enter_context(faults.fail("dynamodb", "InternalServerError"))
        if second == 35:
            trouble.enter_context(faults.fail("lambda", "cut", where=is_disconnect, probability=0.5))
        if second in (25, 50):
            trouble.close()
        if second == 62:  # by now all are older than the minute in which a 410 proves nothing
            stack.aws.client("lambda").invoke(FunctionName=stack.function("cleanup"), Payload='{"look_at_once": {"segments": 1}}')
        for how, client in leaving[2 * second : 2 * second + 2]:
            ENDINGS[how](client)
        if second % 5 == 4 and not 15 <= second < 25:
            stack.sweep()
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    for client in staying:
        client.close()
    return started


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with local_aws() as aws, sync_playwright() as playwright:
        try:
            browser = chromium.launch(playwright)
        except chromium.NoBrowser as problem:
            sys.exit(str(problem))
        stack = Stack(aws, "prod")  # it has a dashboard
        stack.init()
        stack.apply()
        with page(stack) as url:
            tab = browser.new_page(viewport=SIZE, reduced_motion="reduce")
            tab.goto(url)
            play(tab)
            tab.mouse.move(0, 0)
            for scheme in ("light", "dark"):
                tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                picture = tab.context.new_cdp_session(tab).send("Page.captureScreenshot", {"format": "webp", "quality": 80})
                (IMAGES / f"page-{scheme}.webp").write_bytes(base64.b64decode(picture["data"]))
        browser.close()
        started = time.time() // PERIOD_S * PERIOD_S
        started = two_busy_minutes(stack)
        [name] = [entry["DashboardName"] for entry in aws.client("cloudwatch").list_dashboards()["DashboardEntries"]]
        dashboard(aws, name, started, time.time(), PERIOD_S, IMAGES / "dashboard.svg")


if __name__ == "__main__":
    main()
