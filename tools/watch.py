"""Follows a running local AWS, as `make up` prints it: who is in the table of connections, and what both functions log.

python -m tools.watch ENDPOINT [dev|staging|prod]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from local.aws import client

from .stack import TABLES, log_group

PAUSE_S = 0.3
LATE_MS = 60_000  # a line may be written down this long after its time
FUNCTIONS = ("disconnect", "cleanup")


def follow(endpoint: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What happens from now on, without end: ("came" or "left", the record) and ("disconnect" or "cleanup", its log line).

    After each look ("", {}), so that the caller may pause.
    """
    dynamodb, logs = client("dynamodb", endpoint_url=endpoint), client("logs", endpoint_url=endpoint)
    records: dict[str, dict[str, Any]] = {}
    since = int(time.time() * 1000)
    seen: set[str] = set()
    while True:
        pages = dynamodb.get_paginator("scan").paginate(TableName=TABLES[name], ConsistentRead=True)
        now = {item["connectionId"]["S"]: item for page in pages for item in page["Items"]}
        yield from (("came", now[key]) for key in now.keys() - records.keys())
        yield from (("left", records[key]) for key in records.keys() - now.keys())
        records = now
        for function in FUNCTIONS:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=log_group(name, function), startTime=since)
            events = [event for page in pages for event in page["events"] if event["eventId"] not in seen]
            seen.update(event["eventId"] for event in events)
            since = max([since, *(event["timestamp"] - LATE_MS for event in events)])
            yield from ((function, json.loads(event["message"])) for event in events if event["message"].startswith("{"))
        yield "", {}


def told(kind: str, what: dict[str, Any]) -> str:
    """One line about it."""
    if kind in ("came", "left"):
        what = {attribute: next(iter(value.values())) for attribute, value in what.items()}
    return f"{time.strftime('%H:%M:%S')}  {kind:10}  {json.dumps(what, ensure_ascii=False)}"


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        for kind, what in follow(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "dev"):
            if kind:
                print(told(kind, what), flush=True)
            else:
                time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
