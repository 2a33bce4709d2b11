"""What the steps of a proof share: the run, what has been seen so far, and ways to look."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tools.demo import Demo

from .account import Account
from .claims import BROKEN, HELD, UNSEEN, claims
from .run import Run

Found = TypeVar("Found")
Line = dict[str, Any]  # of a log
LINES_WITHIN_S = 90  # from the end of a connection to the function's line in CloudWatch


class Proof(Demo):
    def __init__(self, account: Account, run: Run, clients: int, long: bool) -> None:
        super().__init__()
        self.account, self.run, self.clients, self.long = account, run, clients, long
        self.claims = claims()
        self.figures: dict[str, Any] = {}
        self.failed: dict[str, str] = {}  # steps that could not be taken, and why
        self.versions: dict[str, str] = {}
        self.began = time.time()

    # What was seen

    def saw(self, claim: str, held: bool, seen: str) -> None:
        """Note a claim's verdict. Where an emulator can't tell, what it did is noted, and decides nothing."""
        this = self.claims[claim]
        if self.account.endpoint and this.emulator:
            self.missed(claim, f"{this.emulator} (seen: {seen})")
        else:
            this.verdict, this.seen = HELD if held else BROKEN, seen
            self.say(f"  {'ok    ' if held else 'BROKEN'}  {this.says}: {seen}")

    def missed(self, claim: str, why: str) -> None:
        this = self.claims[claim]
        this.verdict, this.seen = UNSEEN, why
        self.say(f"  -       {this.says}: not observed, {why}")

    def patience(self, claim: str, seconds: float) -> float:
        """How long to wait for what an account shows within so many seconds: an emulator that can't show it is asked once."""
        return 0 if self.account.endpoint and self.claims[claim].emulator else seconds

    # Ways to look

    def client(self, service: str) -> Any:
        return self.account.client(service)

    @property
    def table(self) -> str:
        return str(self.run.outputs["connections_table"]["name"])

    def function(self, which: str) -> str:
        """The name of "disconnect" or "cleanup"."""
        return str(self.run.outputs[f"{which}_function"]["name"])

    def items(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def records(self) -> dict[str, dict[str, Any]]:
        """By connection."""
        return {record["connectionId"]["S"]: record for record in self.items(self.table)}

    def lines(self, which: str = "disconnect") -> list[Line]:
        """All that a function, and Lambda about it, wrote so far."""
        group = self.run.outputs[f"{which}_function"]["log_group_name"]
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=int(self.began * 1000))
        return [json.loads(event["message"]) for page in pages for event in page["events"] if event["message"].startswith("{")]

    def lines_about(self, ids: set[str], seconds: float = LINES_WITHIN_S, which: str = "disconnect") -> dict[str, list[Line]]:
        """The lines about these connections, by connection; waits for each to have one."""

        def look() -> dict[str, list[Line]]:
            found: dict[str, list[Line]] = {}
            for line in self.lines(which):
                if line.get("connectionId") in ids:
                    found.setdefault(line["connectionId"], []).append(line)
            return found

        return until(look, lambda found: found.keys() == ids, seconds)

    def metric(self, namespace: str, name: str, **dimensions: str) -> int:
        """The sum of all that was published since the proof began."""
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=self.began - 300,
            EndTime=time.time() + 60,
            Period=300,
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in found["Datapoints"]))

    def messages(self, queue: str) -> int:
        """How many a queue holds, visible or not: "url" of the retry queue, or "dead_letter_url"."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.run.outputs["retry_queue"][queue], AttributeNames=names)
        return sum(map(int, found["Attributes"].values()))


def until(look: Callable[[], Found], enough: Callable[[Found], bool] = bool, seconds: float = 0, every: float = 1) -> Found:
    """Look again and again until it is enough or the time (s) is over; what was found last."""
    deadline = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return found
