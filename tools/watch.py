"""Shows what happens on a running local AWS, with the settings that `make up` prints: the connections table, and both functions' logs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from local.aws import client

from . import program
from .deployment import FUNCTIONS, Aws, Deployment, News
from .stack import TABLES

PAUSE_S = 0.3


def follow(endpoint: str, name: str, key: Mapping[str, str] = os.environ) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """At each look, what is new: ("came" or "left", the record) and ("disconnect" or "cleanup", its log line)."""
    aws = cast("Aws", SimpleNamespace(client=partial(client, key=key, endpoint_url=endpoint)))
    groups = {f"{which}_function": {"log_group_name": f"/aws/lambda/security-events-{name}-{which}"} for which in FUNCTIONS}
    news = News(Deployment(aws, lambda: {**groups, "connections_table": {"name": TABLES[name]}}))
    while True:
        yield list(news.look())


def shown(kind: str, what: dict[str, Any]) -> str:
    if kind in ("came", "left"):
        what = {attribute: next(iter(value.values())) for attribute, value in what.items()}
    return f"{time.strftime('%H:%M:%S')}  {kind:10}  {json.dumps(what, ensure_ascii=False)}"


def main() -> None:
    parser = program.arguments(__doc__)
    parser.add_argument("endpoint", metavar="ENDPOINT", help="as `make up` prints it: http://127.0.0.1:PORT")
    parser.add_argument("env", nargs="?", choices=TABLES, default="dev")
    given = parser.parse_args()
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        parser.error("set the variables that `make up` prints: each run has a new key")
    for found in follow(given.endpoint, given.env):
        for kind, what in found:
            program.say(shown(kind, what))
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    program.run(main)
