"""Each env folder, applied as it is: nothing left to plan, and its table follows its own clients and no others."""

from __future__ import annotations

import json

import pytest
from cause import CAUSES

from local.aws import REPOSITORY
from tests.provider import kept_provider
from tools.acts import endings, speed
from tools.acts.trial import Trial
from tools.deployment import METRICS, Watch
from tools.stack import TABLES, Stack, removers
from tools.terraform import TerraformError

from .conftest import root_for

pytestmark = pytest.mark.xdist_group("lifecycle")

TWO_MINUTES_MS = 120_000  # far from being silent for so long that a usual sweep would ask


@pytest.mark.parametrize("name", ["dev", "staging"])
def test_after_apply_there_is_nothing_left_to_plan(stacks: dict[str, Stack], name: str) -> None:
    assert stacks[name].root.plan() == ""


def test_who_may_only_plan_finds_nothing_and_cannot_apply(stacks: dict[str, Stack]) -> None:
    """With docs/permissions/plan.json."""
    planner = root_for(stacks["prod"], "planner", "plan")
    with kept_provider(planner):
        assert planner.plan() == ""
        with pytest.raises(TerraformError, match="not authorized to perform: dynamodb:UpdateTable"):
            planner.apply(deletion_protection="false")


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


def test_past_a_proxy_boto3_removes_and_says_so_once(stacks: dict[str, Stack]) -> None:
    stack = stacks["staging"]
    with stack.variables("disconnect", HTTPS_PROXY="http://proxy.internal:3128"):
        ids = speed.come_and_go(stack, "proxy", 2)
    assert [removers(stack)[connection_id] for connection_id in ids] == [["Boto3"], ["Boto3"]]
    assert ["HTTPS_PROXY" in line["why"] for line in stack.lines(outcome="fast_path_off")] == [True]
    assert stack.metric(METRICS, "FastPathOff", Name="security-events-staging") == 1


def test_throttled_disconnects_are_found_without_the_schedule(stacks: dict[str, Stack]) -> None:
    """After an alarm the sweep looks at once instead of at its next tick."""
    stack, lost, staying = stacks["prod"], {f"lost-{i}" for i in range(5)}, {f"stays-{i}" for i in range(3)}
    with Watch(stack) as watch:
        leaving, living = watch.connect(lost), watch.connect(staying)
        stack.age(watch.records.values(), TWO_MINUTES_MS)
        with stack.reserved("disconnect", 0):
            for client in leaving:
                client.close()
            assert watch.wait_until_gone(lost, 180)
        assert watch.records.keys() == staying
        assert all(client.is_open() for client in living)
        for client in living:
            client.close()
        assert watch.wait_until_gone(staying)


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
