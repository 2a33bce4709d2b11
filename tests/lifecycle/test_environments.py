"""Each env folder, applied as it is: nothing left to plan, and its table follows its own clients and no others."""

from __future__ import annotations

import json

import pytest
from cause import CAUSES

from local.aws import REPOSITORY
from tools.acts import endings, speed
from tools.acts.trial import Trial
from tools.clients import open_clients
from tools.deployment import METRICS, Watch
from tools.stack import TABLES, Stack, removers

pytestmark = pytest.mark.xdist_group("lifecycle")


@pytest.mark.parametrize("name", TABLES)
def test_after_apply_there_is_nothing_left_to_plan(stacks: dict[str, Stack], name: str) -> None:
    assert stacks[name].root.plan() == ""


def test_the_platforms_own_stack_is_left_as_it_was(stacks: dict[str, Stack]) -> None:
    assert stacks["dev"].platform.plan() == ""


@pytest.mark.parametrize("name", TABLES)
def test_the_table_follows_clients_however_they_end(stacks: dict[str, Stack], name: str) -> None:
    trial = Trial(stacks[name], each=1)
    endings.end_in_every_way(trial)
    endings.post_to_all(trial)
    assert trial.broken == []
    assert {"fast path", "delivery", "event", "gone", *endings.EXPECTED} == trial.verdicts.keys()
    assert stacks[name].lines(outcome="fast_path_off") == []


def test_with_an_extra_boto3_removes_the_record(stacks: dict[str, Stack]) -> None:
    stack = stacks["dev"]
    with stack.variables("disconnect", RELATED_TABLES="[]"):
        [connection_id] = speed.come_and_go(stack, "extra", 1)
    assert removers(stack)[connection_id] == ["Boto3"]
    assert stack.lines(outcome="fast_path_off") == []


def test_a_variable_for_boto3_alone_is_logged_once(stacks: dict[str, Stack]) -> None:
    stack = stacks["staging"]
    with stack.variables("disconnect", AWS_USE_FIPS_ENDPOINT="false"):
        ids = speed.come_and_go(stack, "fips", 2)
    assert [removers(stack)[connection_id] for connection_id in ids] == [["Boto3"], ["Boto3"]]
    assert ["AWS_USE_FIPS_ENDPOINT" in line["why"] for line in stack.lines(outcome="fast_path_off")] == [True]
    assert stack.metric(METRICS, "FastPathOff", Name="security-events-staging") == 1


def test_environments_do_not_touch_each_others_tables(stacks: dict[str, Stack]) -> None:
    dev, staging = stacks["dev"], stacks["staging"]
    names = {"a", "b", "c"}
    with Watch(dev) as in_dev, Watch(staging) as in_staging:
        of_dev, of_staging = open_clients(dev.url, names), open_clients(staging.url, names)
        assert in_dev.wait_until_there(names)
        assert in_staging.wait_until_there(names)
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
    tables = {name: stack.aws.client("dynamodb").describe_table(TableName=stack.table)["Table"] for name, stack in stacks.items()}
    protected = {name: table["DeletionProtectionEnabled"] for name, table in tables.items()}
    assert protected == {"dev": False, "staging": True, "prod": True}


def test_the_dashboard_shows_only_what_functions_publish(stacks: dict[str, Stack]) -> None:
    cloudwatch = stacks["prod"].aws.client("cloudwatch")
    [dashboard] = cloudwatch.list_dashboards()["DashboardEntries"]
    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=dashboard["DashboardName"])["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", []) if metric[0] == METRICS]
    source = "".join(file.read_text() for file in (REPOSITORY / "function").glob("*.py"))
    assert len(metrics) > 10
    assert [name for name in {metric[1] for metric in metrics} if f'"{name}": (' not in source and f'["{name}"] = ' not in source] == []
    assert {metric[5] for metric in metrics if metric[1] == "Closed"} == CAUSES
    assert {metric[3] for metric in metrics} == {"security-events-prod"}
