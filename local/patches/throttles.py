"""A throttled invocation counts as one throttle, and not as an invocation.

MiniStack: It counts twice, as both.
Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from ministack.services import cloudwatch, lambda_svc

from . import replaces

_emit = lambda_svc._emit_lambda_metrics


@replaces(lambda_svc, "_emit_lambda_metrics", "3b6689d77cf6")
def emit(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    if not throttle:
        _emit(function_name, duration_ms, error, throttle)
    elif not duration_ms:  # where it was refused; its caller, who took the time, comes with it again
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})
