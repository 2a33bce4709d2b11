"""Each env folder, applied as it is: nothing left to plan, and its table follows its own clients and no others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cause import CAUSES

from local.aws import REPOSITORY
from tools.clients import ENDINGS, Watch, open_clients
from tools.stack import TABLES, Stack

pytestmark = pytest.mark.xdist_group("lifecycle")


@pytest.mark.parametrize("name", TABLES)
def test_after_apply_there_is_nothing_left_to_plan(stacks: dict[str, Stack], name: str) -> None:
    assert stacks[name].env.plan() == ""


def test_the_platforms_own_stack_is_left_as_it_was(stacks: dict[str, Stack]) -> None:
    assert stacks["dev"].platform.plan() == ""


@contextmanager
def variables(stack: Stack, **changes: str) -> Iterator[None]:
    """The route's function, for a while, with these in its environment."""
    functions, name = stack.aws.client("lambda"), f"history-{stack.name}-disconnect"
    own = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": own | changes})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": own})


def come_and_go(stack: Stack, name: str) -> None:
    with Watch(stack.aws, stack.table) as watch:
        clients = open_clients(stack.url, [name])
        assert watch.wait_for(lambda: name in watch.records, 30)
        clients[0].close()
        assert watch.wait_until_gone([name])


@pytest.mark.parametrize("name", TABLES)
def test_the_table_follows_real_clients_however_they_end(stacks: dict[str, Stack], name: str) -> None:
    stack = stacks[name]
    stack.aws.faults.requests.clear()
    with Watch(stack.aws, stack.table) as watch:
        clients = open_clients(stack.url, ENDINGS)
        assert watch.wait_for(lambda: watch.records.keys() == ENDINGS.keys(), 30)
        for client in clients:
            ENDINGS[client.name](client)
        assert watch.wait_until_gone(ENDINGS)
    assert [agents[0] for agents in stack.removers().values()] == [""] * len(ENDINGS), "the fast path was not asked"
    assert "fast_path_off" not in {line.get("outcome") for line in stack.log_lines("disconnect")}
    causes = {line["userAgent"]: line["cause"] for line in stack.log_lines("disconnect") if stack.name == "dev" and "cause" in line}
    if stack.name == "dev":  # the others mask the agent
        assert causes == {
            "closed with code 1000": "client_closed",
            "closed with code 4001": "client_closed",
            "closed without a code": "client_closed",
            "navigated away": "navigated_away",
            "message too big": "message_too_big",
            "line cut": "abnormal",
        }


def test_with_an_extra_boto3_removes_the_record_and_nobody_is_told(stacks: dict[str, Stack]) -> None:
    stack = stacks["dev"]
    stack.aws.faults.requests.clear()
    with variables(stack, RELATED_TABLES="[]"):
        come_and_go(stack, "boto3 is meant")
    assert list(stack.removers().values()) == [["Boto3"]]
    assert "fast_path_off" not in {line.get("outcome") for line in stack.log_lines("disconnect")}


def test_a_variable_that_only_boto3_understands_is_told_by_a_line_and_a_metric(stacks: dict[str, Stack]) -> None:
    stack = stacks["staging"]
    stack.aws.faults.requests.clear()
    with variables(stack, AWS_USE_FIPS_ENDPOINT="false"):
        come_and_go(stack, "one")
        come_and_go(stack, "two")
    assert list(stack.removers().values()) == [["Boto3"], ["Boto3"]]
    told = [line for line in stack.log_lines("disconnect") if line.get("outcome") == "fast_path_off"]
    assert ["AWS_USE_FIPS_ENDPOINT" in line["why"] for line in told] == [True]
    now = time.time()
    metric = {
        "Namespace": "WebSocketConnections",
        "MetricName": "FastPathOff",
        "Dimensions": [{"Name": "Name", "Value": "history-staging"}],
    }
    found = stack.aws.client("cloudwatch").get_metric_statistics(
        **metric, Period=86400, Statistics=["Sum"], StartTime=now - 86400, EndTime=now + 60
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) == 1


def test_environments_do_not_touch_each_others_tables(stacks: dict[str, Stack]) -> None:
    dev, staging = stacks["dev"], stacks["staging"]
    names = {"a", "b", "c"}
    with Watch(dev.aws, dev.table) as in_dev, Watch(staging.aws, staging.table) as in_staging:
        of_dev, of_staging = open_clients(dev.url, names), open_clients(staging.url, names)
        assert in_dev.wait_for(lambda: in_dev.records.keys() == names, 30)
        assert in_staging.wait_for(lambda: in_staging.records.keys() == names, 30)
        for client in of_dev:
            client.close()
        assert in_dev.wait_until_gone(names)
        dev.sweep()
        assert in_staging.records.keys() == names
        assert all(client.is_open() for client in of_staging)
        for client in of_staging:
            client.close()
        assert in_staging.wait_until_gone(names)


def test_production_refuses_to_lose_its_table(stacks: dict[str, Stack]) -> None:
    protected = {name: stack.table_description()["DeletionProtectionEnabled"] for name, stack in stacks.items()}
    assert protected == {"dev": False, "staging": True, "prod": True}


def test_the_dashboard_shows_nothing_of_the_functions_that_they_do_not_publish(stacks: dict[str, Stack]) -> None:
    cloudwatch = stacks["prod"].aws.client("cloudwatch")
    [dashboard] = cloudwatch.list_dashboards()["DashboardEntries"]
    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=dashboard["DashboardName"])["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", []) if metric[0] == "WebSocketConnections"]
    source = "".join(file.read_text() for file in (REPOSITORY / "function").glob("*.py"))
    assert len(metrics) > 10
    assert [name for name in {metric[1] for metric in metrics} if f'"{name}": (' not in source and f'["{name}"] = ' not in source] == []
    assert {metric[5] for metric in metrics if metric[1] == "Closed"} == CAUSES
    assert {metric[3] for metric in metrics} == {"history-prod"}
