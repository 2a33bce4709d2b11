"""A rate schedule without a start date runs at once, and then at its rate.

MiniStack: The first run comes one whole period late.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
"""

from __future__ import annotations

from ministack.services import scheduler

from . import replaces

_tick = scheduler._tick_schedules


@replaces(scheduler, "_tick_schedules", "0ece514e9120")
def tick_schedules() -> None:
    for key, schedule in list(scheduler._schedules._data.items()):
        if schedule["ScheduleExpression"].startswith("rate(") and not schedule.get("StartDate"):
            scheduler._schedule_last_fired.setdefault(key, 0)
    _tick()
