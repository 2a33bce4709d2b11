"""FilterLogEvents gives each event an id, which `aws logs tail --follow` needs.

MiniStack: There is no id.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilteredLogEvent.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from ministack.services import cloudwatch_logs

from . import replaces

_numbers = count(1)


@replaces(cloudwatch_logs, "_stream_event_range", "1a2b8fcff904")
def stream_event_range(events: list[dict[str, Any]], stream_name: str, start: int, end: int) -> Iterator[tuple[dict[str, Any], str]]:
    for event in events[start:end]:
        event.setdefault("eventId", f"{next(_numbers):056d}")
        yield event, stream_name
