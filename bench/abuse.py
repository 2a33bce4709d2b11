"""What clients without a name can cause in a day, by bench.bill's model: `python -m bench.abuse`.

They connect and leave as fast as API Gateway lets them, with the longest agent that is kept. Left out: what `$connect` costs, and messages.
"""

from __future__ import annotations

import json
import math

from bench import bill, report
from bench.prices import CONNECTION_MINUTE, LOG_GB, MILLION, PRICES_OF, READ_UNIT, WRITE_UNIT
from tools import markdown

CONNECTIONS_PER_SECOND = 500  # new ones, an account's quota in a region unless it is raised
A_DAY = CONNECTIONS_PER_SECOND * 86_400
ITEM = {
    "connectionId": "QwErScSNvHcCH8A=",
    "clientId": "c" * 36,
    "cause": "client_closed",
    "closeReason": "Client-side close frame status not set",
    "apiId": "a1b2c3d4e5",
    "stage": "production",
    "gatewayRequestId": "QwErTyUiOoEF7Zg=",
    "sourceIp": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    "userAgent": "a" * 256,
    "numbers": "1795234586555" * 5,
}
ITEM_BYTES = sum(len(name) + len(value) for name, value in ITEM.items())


def costs(measured: dict[str, float]) -> dict[str, float]:
    """USD a day, by what is on."""
    plain = bill.disconnects(measured, platform_lines=False)
    writes = 2 * math.ceil(ITEM_BYTES / 1024)  # of the item, and of its copy in the index
    history = READ_UNIT * MILLION + writes * WRITE_UNIT * MILLION
    offline = sum(bill.announcements(offline=True).values())
    lines = measured["log_bytes"] + bill.LOG_EVENT_BYTES
    quiet = sum(plain.values()) - lines / 2**30 * LOG_GB * MILLION
    by_option = {
        "nothing but the removal": sum(plain.values()),
        '… with `logs.level = "WARN"`': quiet,
        "`history = {}`": sum(plain.values()) + history,
        "`events` with `client_offline_after_seconds`": sum(plain.values()) + offline,
        "both": sum(plain.values()) + history + offline,
    }
    return {option: per_million * A_DAY / MILLION for option, per_million in by_option.items()}


def main() -> None:
    measured = json.loads((report.RESULTS / f"speed-{report.RUNTIME}.json").read_text())["summary"]["package"]
    rows = [[option, f"{usd:,.0f}"] for option, usd in costs(measured).items()]
    rows.append(["API Gateway's connection minutes, one each", f"{A_DAY * CONNECTION_MINUTE:,.0f}"])
    lines, history = (bytes_ * A_DAY / 2**30 for bytes_ in (measured["log_bytes"] + bill.LOG_EVENT_BYTES, 2 * ITEM_BYTES))
    text = (
        f"{markdown.table(('a day at 500 connections a second', 'USD'), rows)}\n\n"
        f"{A_DAY / MILLION:.1f} million connections; {lines:,.0f} GB of log lines, {history:,.0f} GB of history (an item of "
        f"{ITEM_BYTES} bytes, in the table and in its index). Prices of {PRICES_OF}, us-east-1. Made by `python -m bench.abuse` "
        f"from speed-{report.RUNTIME}.json.\n"
    )
    print(text)
    report.save("abuse.md", text)


if __name__ == "__main__":
    main()
