"""The most that a run can cost, in USD: the prices of tools/prices.py times more of everything than a run uses."""

from __future__ import annotations

from collections import Counter

from tools import prices

HOURS, LONG_HOURS = 2, 5  # CloudWatch charges for each hour begun
METRICS, METRIC_READS = 30, 1_000
METRICS_OF_AN_ALARM = 3
CONNECTIONS, CONNECTIONS_OF_A_CLIENT = 100, 25  # in all, and for each client that ends in each way
MINUTES_OF_A_CONNECTION = 20
INVOCATIONS_OF_A_CONNECTION, SWEEPS_AN_HOUR = 6, 30
INVOCATION_GB_S = 0.5  # two seconds at 256 MB, as if each were a cold start with boto3
INVOCATION_LOG_GB = 5_000 / 2**30
SCANS = 60_000  # by this program, of a table that one read unit reads
POLLS_AN_HOUR = 10_000  # of a queue, by Lambda


def ceiling(clients: int, long: bool, planned: Counter[str]) -> float:
    """For that many clients ending in each way, and a plan's resources by type."""
    hours = LONG_HOURS if long else HOURS
    connections = CONNECTIONS + clients * CONNECTIONS_OF_A_CLIENT
    minutes = connections * MINUTES_OF_A_CONNECTION + (10 * 120 if long else 0)
    invocations = connections * INVOCATIONS_OF_A_CONNECTION + hours * SWEEPS_AN_HOUR
    alarms = METRICS_OF_AN_ALARM * planned["aws_cloudwatch_metric_alarm"] * prices.ALARM_MONTH
    alarms += planned["aws_cloudwatch_composite_alarm"] * prices.COMPOSITE_ALARM_MONTH
    return sum(
        [
            minutes * prices.CONNECTION_MINUTE + 10 * connections * prices.MESSAGE,
            invocations * (prices.REQUEST + INVOCATION_GB_S * prices.GB_SECOND + INVOCATION_LOG_GB * prices.LOG_GB),
            10 * invocations * prices.WRITE_UNIT + SCANS * prices.READ_UNIT,
            hours * (POLLS_AN_HOUR * prices.QUEUE_REQUEST + SWEEPS_AN_HOUR * prices.SCHEDULE),
            hours * (METRICS * prices.METRIC_MONTH + alarms) / prices.MONTH_HOURS + METRIC_READS * prices.METRIC_READ,
        ]
    )
