"""API Gateway invokes what it may, within Lambda's limits, and loses what it can't deliver."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import InvalidStatus

from local.aws import is_disconnect

from .conftest import KEEP_EVENT, Api


def connect_and_close(api: Api) -> None:
    with api.connect():
        assert (api.next_event() or {})["requestContext"]["eventType"] == "CONNECT"


@pytest.mark.parametrize("source", ["", "{api}/prod/$disconnect", "{api}/dev/$connect", "arn:aws:execute-api:*:*:other/*"])
def test_a_route_without_permission_does_not_invoke(api: Api, source: str) -> None:
    api.route("$connect", api.function(KEEP_EVENT))
    api.route("$disconnect", api.function(KEEP_EVENT), source=source.format(api=api.execution_arn))
    connect_and_close(api)
    assert api.next_event(wait=2) is None


@pytest.mark.parametrize("source", ["{api}/dev/$disconnect", "{api}/*/$disconnect", "{api}/*"])
def test_a_function_with_permission_for_the_route_is_invoked(api: Api, source: str) -> None:
    api.route("$connect", api.function(KEEP_EVENT))
    api.route("$disconnect", api.function(KEEP_EVENT), source=source.format(api=api.execution_arn))
    connect_and_close(api)
    assert api.next_event()


def test_a_connect_that_fails_refuses_the_client(api: Api) -> None:
    api.route("$connect", api.function("def handler(event, context): raise ValueError"))
    with pytest.raises(InvalidStatus), api.connect():
        pass


def test_a_throttled_disconnect_is_lost(observed: Api) -> None:
    with observed.connect():
        observed.next_event()
        limit = {"FunctionName": observed.functions[0], "ReservedConcurrentExecutions": 0}
        observed.aws.client("lambda").put_function_concurrency(**limit)
    assert observed.next_event(wait=2) is None


def test_a_throttled_invocation_counts_once_and_as_nothing_else(observed: Api) -> None:
    with observed.connect():
        observed.next_event()
        before = counts(observed)
        observed.aws.client("lambda").put_function_concurrency(FunctionName=observed.functions[0], ReservedConcurrentExecutions=0)
    deadline = time.monotonic() + 10
    while counts(observed) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert counts(observed) == {**before, "Throttles": 1}


def counts(api: Api) -> dict[str, float]:
    """Lambda's metrics of the API's first function."""
    metric = {"Namespace": "AWS/Lambda", "Dimensions": [{"Name": "FunctionName", "Value": api.functions[0]}]}
    period = {"StartTime": time.time() - 3600, "EndTime": time.time() + 60, "Period": 3600, "Statistics": ["Sum"]}
    ask = api.aws.client("cloudwatch").get_metric_statistics
    names = ("Invocations", "Errors", "Throttles")
    return {name: sum(point["Sum"] for point in ask(MetricName=name, **metric, **period)["Datapoints"]) for name in names}


def test_the_invocation_is_in_the_functions_log_group(api: Api) -> None:
    api.route("$connect", api.function("def handler(event, context): print('seen', event['requestContext']['routeKey'])"))
    with api.connect():
        pass
    logs = api.aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{api.functions[0]}")["events"]
    assert "seen $connect" in [event["message"] for event in logs]


@pytest.mark.parametrize(("fault", "deliveries"), [("cut", 0), ("TooManyRequestsException", 0), ("repeat", 2), ("pass", 1)])
def test_disconnects_can_be_lost_throttled_repeated_and_delayed(observed: Api, fault: str, deliveries: int) -> None:
    observed.aws.faults.fail("lambda", fault, where=is_disconnect, delay=0.5)
    connect_and_close(observed)
    seen = [observed.next_event(wait=3) for _ in range(deliveries)]
    assert all(seen)
    assert observed.next_event(wait=1) is None


def test_every_line_is_logged_with_its_invocation(api: Api) -> None:
    code = """
        def handler(event, context):
            for i in range(300):
                print(event["n"], i)
            if event["n"] % 2:
                raise ValueError
    """
    name = api.function(code)
    for n in range(6):
        api.aws.client("lambda").invoke(FunctionName=name, Payload=str({"n": n}).replace("'", '"'))
    logs, group = api.aws.client("logs"), {"logGroupName": f"/aws/lambda/{name}"}
    streams = [stream["logStreamName"] for stream in logs.describe_log_streams(**group)["logStreams"]]
    said = [[e["message"] for e in logs.get_log_events(**group, logStreamName=stream)["events"]] for stream in streams]
    printed = sorted([line for line in lines if line[0].isdigit()] for lines in said)
    assert printed == [[f"{n} {i}" for i in range(300)] for n in range(6)]
