"""What a run costs at most, in USD: bench/prices.py times more of everything than a run uses."""

from __future__ import annotations

from collections import Counter

from bench.prices import (
    ALARM_MONTH,
    COMPOSITE_ALARM_MONTH,
    CONNECTION_MINUTE,
    GB_SECOND,
    LOG_GB,
    MESSAGE,
    METRIC_MONTH,
    METRIC_READ,
    MONTH_HOURS,
    QUEUE_REQUEST,
    READ_UNIT,
    REQUEST,
    SCHEDULE,
    WRITE_UNIT,
)

HOURS, LONG_HOURS = 2, 5  # CloudWatch counts begun hours
METRICS = 30  # by name and dimensions: nine of the sweep, one for each cause, and some
METRICS_OF_AN_ALARM = 3
METRIC_READS = 1_000
CONNECTIONS, CONNECTIONS_OF_A_CLIENT = 100, 25  # in all, and for each client that ends in each way
MINUTES_OF_A_CONNECTION = 20
INVOCATIONS_OF_A_CONNECTION, SWEEPS_AN_HOUR = 6, 30
INVOCATION_GB_S = 0.5  # two seconds at 256 MB: each a cold start with boto3
INVOCATION_LOG_BYTES = 5_000
SCANS = 60_000  # by this program, of a table that one read unit reads
POLLS_AN_HOUR = 10_000  # of a queue, by Lambda


def ceiling(clients: int, long: bool, planned: Counter[str]) -> dict[str, float]:
    """USD by item, for so many clients that end in each way, and the resources of a plan."""
    hours = LONG_HOURS if long else HOURS
    connections = CONNECTIONS + clients * CONNECTIONS_OF_A_CLIENT
    minutes = connections * MINUTES_OF_A_CONNECTION + (long and 10 * 120)
    invocations = connections * INVOCATIONS_OF_A_CONNECTION + hours * SWEEPS_AN_HOUR
    alarms = METRICS_OF_AN_ALARM * planned["aws_cloudwatch_metric_alarm"] * ALARM_MONTH
    alarms += planned["aws_cloudwatch_composite_alarm"] * COMPOSITE_ALARM_MONTH
    return {
        "API Gateway": minutes * CONNECTION_MINUTE + 10 * connections * MESSAGE,
        "Lambda": invocations * (REQUEST + INVOCATION_GB_S * GB_SECOND),
        "DynamoDB": 10 * invocations * WRITE_UNIT + SCANS * READ_UNIT,
        "SQS": hours * POLLS_AN_HOUR * QUEUE_REQUEST,
        "Scheduler": hours * SWEEPS_AN_HOUR * SCHEDULE,
        "CloudWatch logs": invocations * INVOCATION_LOG_BYTES / 2**30 * LOG_GB,
        "CloudWatch metrics": hours * METRICS * METRIC_MONTH / MONTH_HOURS + METRIC_READS * METRIC_READ,
        "CloudWatch alarms": hours * alarms / MONTH_HOURS,
    }
