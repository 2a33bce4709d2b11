"""What a consumer gets for few lines and for many, by the real provider."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tools.docs import blocks, fields

from .calls import BOUNDARY, FULL, KEY, KNOWN_FIRST, OPENED, PAGED, REPOSITORY, readme
from .conftest import Plans, Resources

pytestmark = pytest.mark.xdist_group("plans")  # to plan once

# What `delivery = "queue"` sends of an event.
FIELDS = [
    *("connectionId", "connectedAt", "eventType", "requestId", "requestTimeEpoch", "apiId", "stage"),
    *("identity.sourceIp", "identity.userAgent", "disconnectStatusCode", "disconnectReason"),
]


def of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    found = [values for address, values in resources.items() if f".{kind}." in address]
    assert found, f"no {kind} is planned"
    return found


def test_the_full_call_sets_every_field_of_every_input() -> None:
    """So that what is known only after apply, or sensitive, is planned for a new field as well."""

    def paths(value: Any, prefix: str = "") -> set[str]:
        if not isinstance(value, dict) or prefix in ("tags.", "function.environment."):
            return {prefix.removesuffix(".")}
        return {path for name, part in value.items() for path in paths(part, f"{prefix}{name}.")}

    written = {
        field.path
        for name, body in blocks("variables.tf", "variable").items()
        for field in fields(name, body["type"].removeprefix("${").removesuffix("}"), "")
        if "object" not in field.type and not field.path.startswith(("related_tables", "logs.group.", "role.existing."))
    }
    found = {path for name, value in FULL.items() for path in paths(value, f"{name}.")}
    assert found - {"related_tables", "logs.group", "role.existing"} == written


def test_docs_list_what_must_be_known_at_plan() -> None:
    [listed] = re.findall(r"^Some inputs decide .*?\n\n", (REPOSITORY / "docs/inputs.md").read_text(), re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"`(.+?)`", listed)) == KNOWN_FIRST


@pytest.mark.parametrize("call", ["later", "sensitive"])
def test_inputs_may_be_known_after_apply_or_sensitive(call: str, planned: Plans) -> None:
    assert set(planned[call]) == set(planned["full"])


def test_a_key_encrypts_everything_at_rest(planned: Plans) -> None:
    for table in of_type(planned["full"], "aws_dynamodb_table"):
        assert table["server_side_encryption"] == [{"enabled": True, "kms_key_arn": KEY}]
    assert {queue["kms_master_key_id"] for queue in of_type(planned["full"], "aws_sqs_queue")} == {KEY}
    assert {group["kms_key_id"] for group in of_type(planned["full"], "aws_cloudwatch_log_group")} == {KEY}
    assert {function["kms_key_arn"] for function in of_type(planned["full"], "aws_lambda_function")} == {KEY}
    assert {schedule["kms_key_arn"] for schedule in of_type(planned["full"], "aws_scheduler_schedule")} == {KEY}


def test_tags_reach_everything_that_takes_tags(planned: Plans) -> None:
    assert [address for address, values in planned["full"].items() if "tags" in values and values["tags"] != {"Team": "chat"}] == []


def test_path_boundary_and_suffix_reach_every_role(planned: Plans) -> None:
    roles = of_type(planned["full"], "aws_iam_role")
    assert {(role["path"], role["permissions_boundary"]) for role in roles} == {("/service/", BOUNDARY)}
    names = ["chat-cleanup", "chat-disconnect", "chat-gateway", "chat-sweep"]
    assert sorted(role["name"] for role in roles) == [f"{name}-eu-central-1-a9b83647" for name in names]  # the path's hash
    assert {function["function_name"] for function in of_type(planned["full"], "aws_lambda_function")} == set(names[:2])
    assert [dashboard["dashboard_name"] for dashboard in of_type(planned["full"], "aws_cloudwatch_dashboard")] == ["chat-eu-central-1"]


@pytest.mark.parametrize("call", ["existing_roles", "later_roles"])
def test_with_existing_roles_none_is_made(call: str, planned: Plans) -> None:
    assert not [address for address in planned[call] if "aws_iam" in address]


def test_with_an_existing_log_group_none_is_made(planned: Plans) -> None:
    resources = planned["company"]
    assert not [address for address in resources if "aws_cloudwatch_log_group" in address]
    for query in of_type(resources, "aws_cloudwatch_query_definition"):
        assert query["log_group_names"] == ["/platform/chat"]


def test_only_what_can_end_an_alarm_hears_of_its_end(planned: Plans) -> None:
    alarms = of_type(planned["full"], "aws_cloudwatch_metric_alarm") + of_type(planned["full"], "aws_cloudwatch_composite_alarm")
    paging = [alarm for alarm in alarms if alarm["alarm_actions"]]
    silent = {alarm["alarm_name"] for alarm in alarms} - {alarm["alarm_name"] for alarm in paging}
    assert silent == {"chat-sweep-errors", "chat-sweep-silent-0", "chat-sweep-silent-1"}
    for alarm in paging:
        assert sorted(alarm["alarm_actions"]) == sorted(PAGED + OPENED)
        assert sorted(alarm["ok_actions"]) == sorted(PAGED)


def test_the_route_sends_each_field_encoded_twice(planned: Plans) -> None:
    integration = planned["queued"]["module.route.aws_apigatewayv2_integration.queue[0]"]
    assert (integration["integration_type"], integration["passthrough_behavior"]) == ("AWS", "NEVER")
    fields = "%26".join(f'{name}%3D$util.urlEncode($util.urlEncode("$!context.{name}"))' for name in FIELDS)
    [(name, template)] = integration["request_templates"].items()
    assert integration["template_selection_expression"] == f"\\{name}"
    assert template == f"Action=SendMessage&MessageBody={fields}"


def test_with_the_queue_no_alarm_claims_that_events_are_lost(planned: Plans) -> None:
    alarms = {v["alarm_name"]: v for v in planned["queued"].values() if "alarm_name" in v}
    for name in ("chat-disconnect-errors", "chat-disconnect-throttles", "chat-disconnects-waiting"):
        assert "Nothing is lost" in alarms[name]["alarm_description"]
    for name in ("chat-missed", "chat-falling-back"):
        metrics = [query["metric"][0]["metric_name"] for query in alarms[name]["metric_query"] if query["metric"]]
        assert "NumberOfMessagesSent" in metrics
        assert "Invocations" not in metrics
    assert not [address for address in planned["queued"] if "look_at_once" in address]


def test_call_deployment_and_stage_in_readme_are_no_cycle(planned: Plans) -> None:
    assert re.findall(r'^resource "aws_apigatewayv2_(\w+)"', readme(), re.MULTILINE) == ["api", "deployment", "stage"]
    assert planned["disconnect"].keys() == planned["default"].keys()
