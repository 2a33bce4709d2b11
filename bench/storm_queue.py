"""How long a storm shows with `delivery = "queue"`: SQS takes what comes, and Lambda's mapping works it off. Computed, not measured.

What AWS documents is in LIMITS, what is assumed in ASSUMED; bench.storm_model puts both below its tables.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

FIRST, MORE_PER_S = 5, 300 / 60  # batches at a time, and how many more each second
VISIBILITY_S = 60  # six times the function's time-out of 10 s
STEP_S = 0.05
LIMITS = (
    "By the queue, documented: a standard queue takes a nearly unlimited number of messages a second "
    "([quotas](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html)); an event source mapping "
    "starts with five batches at a time and adds up to 300 a minute "
    "([scaling](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)); a new on-demand table takes 4,000 writes a "
    "second, and with warm throughput as many as that says "
    "([on-demand](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html))."
)
ASSUMED = (
    "Assumed: API Gateway itself delivers to the queue. The concurrency is free. In a batch, an event takes as long as a warm disconnect. "
    "Throttled events come back after a minute, and throttling takes no time."
)


class Queue(NamedTuple):
    """How many batches at a time, how many writes a second the table takes, how fast (a second) batches are added."""

    batches: int
    writes_per_s: float
    more_per_s: float = MORE_PER_S


NEW_TABLE = Queue(batches=35, writes_per_s=4_000)  # disconnect_queue.maximum_concurrency's default
WARM_TABLE = Queue(batches=300, writes_per_s=40_000)


def true_again_s(closes: int, within_s: float, cold: float, warm: float, queue: Queue) -> float:
    """How long (s) after the last of so many closes the table is true."""
    now, left, done = 0.0, 0.0, 0.0
    back: deque[tuple[float, float]] = deque()  # when throttled messages come back, and how many
    while done < closes - 0.5:
        left += max(0.0, min(STEP_S, within_s - now)) * closes / within_s
        while back and back[0][0] <= now:
            left += back.popleft()[1]
        batches = min(queue.batches, FIRST + queue.more_per_s * max(0.0, now - cold)) if now >= cold else 0
        tried = min(left, batches / warm * STEP_S)
        removed = min(tried, queue.writes_per_s * STEP_S)
        if tried > removed:
            back.append((now + VISIBILITY_S, tried - removed))
        left, done, now = left - tried, done + removed, now + STEP_S
    return max(0.0, now - within_s)
