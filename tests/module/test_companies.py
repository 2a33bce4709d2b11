"""What companies require of a module, each an option of its own: docs/companies.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .test_plans import of_type

pytestmark = pytest.mark.xdist_group("companies")  # to plan once

Resources = dict[str, dict[str, Any]]

REPOSITORY = Path(__file__).resolve().parents[2]
LAYER = "arn:aws:lambda:eu-central-1:111122223333:layer:extension:80"
SIGNING = "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0123456789abcdef0"
TOLD_BOTH_WAYS = ["arn:aws:sns:eu-central-1:111122223333:pager", "arn:aws:lambda:eu-central-1:111122223333:function:pager:live"]
OPENED = [
    "arn:aws:ssm:eu-central-1:111122223333:opsitem:2#CATEGORY=Availability",
    "arn:aws:ssm-incidents::111122223333:responseplan/chat",
    "arn:aws:aiops:eu-central-1:111122223333:investigation-group/chat",
]
INPUTS = f"""
  vpc  = {{ subnet_ids = ["subnet-a1", "subnet-b2"], security_group_ids = ["sg-c3"] }}
  role = {{ name_suffix = "-eu-central-1" }}
  logs = {{
    group = {{ name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat" }}
  }}
  function = {{
    package                 = {{ s3 = {{ bucket = "packages", key = "signed/disconnect.zip", object_version = "v7" }} }}
    code_signing_config_arn = "{SIGNING}"
    layers                  = ["{LAYER}"]
    tracing                 = "Active"
  }}
  monitoring = {{ alarm_actions = {str(TOLD_BOTH_WAYS + OPENED).replace("'", '"')}, dashboard = true }}
"""


@pytest.fixture(scope="module")
def resources(plan: Callable[..., Resources]) -> Resources:
    return plan(INPUTS)


def test_vpc_layers_traces_and_a_signed_package_from_s3_reach_both_functions(resources: Resources) -> None:
    functions = of_type(resources, "aws_lambda_function")
    assert {function["handler"] for function in functions} == {"disconnect.lambda_handler", "cleanup.lambda_handler"}
    for function in functions:
        [network] = function["vpc_config"]
        assert (set(network["subnet_ids"]), network["security_group_ids"]) == ({"subnet-a1", "subnet-b2"}, ["sg-c3"])
        assert (function["s3_bucket"], function["s3_key"], function["s3_object_version"]) == ("packages", "signed/disconnect.zip", "v7")
        assert (function["filename"], function["code_signing_config_arn"]) == (None, SIGNING)
        assert (function["layers"], function["tracing_config"]) == ([LAYER], [{"mode": "Active"}])


def test_a_log_group_brought_along_takes_both_functions_lines_and_none_is_made(resources: Resources) -> None:
    assert not [address for address in resources if "aws_cloudwatch_log_group" in address]
    assert {function["logging_config"][0]["log_group"] for function in of_type(resources, "aws_lambda_function")} == {"/platform/chat"}
    for query in of_type(resources, "aws_cloudwatch_query_definition"):
        assert query["log_group_names"] == ["/platform/chat"]


def test_what_knows_no_region_is_named_after_it_and_the_rest_is_not(resources: Resources) -> None:
    roles = {role["name"] for role in of_type(resources, "aws_iam_role")}
    assert roles == {"chat-disconnect-eu-central-1", "chat-cleanup-eu-central-1", "chat-sweep-eu-central-1"}
    assert [dashboard["dashboard_name"] for dashboard in of_type(resources, "aws_cloudwatch_dashboard")] == ["chat-eu-central-1"]
    assert {function["function_name"] for function in of_type(resources, "aws_lambda_function")} == {"chat-disconnect", "chat-cleanup"}


def test_whoever_opens_something_at_an_alarm_is_not_called_when_it_is_over(resources: Resources) -> None:
    alarms = of_type(resources, "aws_cloudwatch_metric_alarm") + of_type(resources, "aws_cloudwatch_composite_alarm")
    telling = [alarm for alarm in alarms if alarm["alarm_actions"]]
    quiet = {alarm["alarm_name"] for alarm in alarms if alarm not in telling}
    assert quiet == {"chat-sweep-silent-0", "chat-sweep-errors"}
    for alarm in telling:
        assert sorted(alarm["alarm_actions"]) == sorted(TOLD_BOTH_WAYS + OPENED)
        assert sorted(alarm["ok_actions"]) == sorted(TOLD_BOTH_WAYS)


def test_every_variable_that_the_module_tells_its_functions_is_refused_as_the_consumers() -> None:
    told = set(re.findall(r"^    ([A-Z_]+) += ", (REPOSITORY / "environment.tf").read_text(), re.MULTILINE))
    rule = re.search(r"setintersection\(keys\(var.function.environment\), \[(.*?)\]", (REPOSITORY / "variables.tf").read_text(), re.DOTALL)
    assert rule
    assert len(told) > 15
    assert set(re.findall(r'"(\w+)"', rule[1])) == told
