"""`make screenshot`: two busy minutes, as the live page shows them, light and dark, and as the dashboard does, into docs/images."""

from __future__ import annotations

import base64
import contextlib
import random
import sys
import time

from playwright.sync_api import sync_playwright

from local.aws import REPOSITORY, is_disconnect, local_aws
from tests.browser import chromium
from tools.clients import ENDINGS, open_clients
from tools.installed import UnavailableError
from tools.page.server import page
from tools.picture import dashboard
from tools.stack import Stack

IMAGES = REPOSITORY / "docs" / "images"
PERIOD_S = 5  # the dashboard itself has periods of five minutes
SECONDS = 120
SIZE = {"width": 1120, "height": 1240}


def two_busy_minutes(stack: Stack) -> float:
    """Two clients a second leave. DynamoDB is unavailable for a while; later every other $disconnect is lost. When they began (epoch s)."""
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
    return started


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with local_aws() as aws, sync_playwright() as playwright:
        try:
            browser = chromium.launch(playwright)
        except UnavailableError as problem:
            sys.exit(str(problem))
        stack = Stack(aws, "prod")  # it has a dashboard
        stack.init()
        stack.apply()
        with page(stack) as url:
            tab = browser.new_page(viewport=SIZE, reduced_motion="reduce")
            tab.goto(f"{url}#connected")
            staying = open_clients(stack.url, [f"stays-{number}" for number in range(20)])
            started = two_busy_minutes(stack)
            for scheme in ("light", "dark"):
                tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                picture = tab.context.new_cdp_session(tab).send("Page.captureScreenshot", {"format": "webp", "quality": 80})
                (IMAGES / f"page-{scheme}.webp").write_bytes(base64.b64decode(picture["data"]))
        for client in staying:
            client.close()
        browser.close()
        [name] = [entry["DashboardName"] for entry in aws.client("cloudwatch").list_dashboards()["DashboardEntries"]]
        dashboard(aws, name, started, time.time(), PERIOD_S, IMAGES / "dashboard.svg")


if __name__ == "__main__":
    main()
