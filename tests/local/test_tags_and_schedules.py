"""What a search by tag finds, and when a schedule begins."""

from __future__ import annotations

import uuid

from local.aws import LocalAws

from .conftest import KEEP_EVENT, Api


def found(aws: LocalAws, value: str) -> set[str]:
    """The kinds of resources that bear the tag: what comes before the name in their ARNs."""
    pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": "run", "Values": [value]}])
    arns = [resource["ResourceARN"].split(":", 5) for page in pages for resource in page["ResourceTagMappingList"]]
    return {f"{arn[2]} {arn[5].replace('/', ':').split(':')[0 if arn[2] != 'apigateway' else 1]}" for arn in arns}


def test_a_search_by_tag_finds_groups_apis_alarms_and_mappings(api: Api) -> None:
    aws, value = api.aws, uuid.uuid4().hex
    tags, listed = {"run": value}, [{"Key": "run", "Value": value}]
    aws.client("logs").create_log_group(logGroupName=f"/group/{value}", tags=tags)
    gateway = aws.client("apigatewayv2")
    tagged = gateway.create_api(Name=value, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action", Tags=tags)["ApiId"]
    when = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=value, ComparisonOperator="GreaterThanThreshold", **when, Tags=listed)
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=api.events, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = aws.client("lambda").create_event_source_mapping(
        FunctionName=api.function(KEEP_EVENT), EventSourceArn=queue, Enabled=False, Tags=tags
    )
    assert found(aws, value) == {"logs log-group", "apigateway apis", "cloudwatch alarm", "lambda event-source-mapping"}

    aws.client("logs").delete_log_group(logGroupName=f"/group/{value}")
    gateway.delete_api(ApiId=tagged)
    aws.client("cloudwatch").delete_alarms(AlarmNames=[value])
    aws.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
    assert found(aws, value) == set()


def test_a_rate_schedule_runs_at_once_without_permission(api: Api) -> None:
    functions, scheduler, name = api.aws.client("lambda"), api.aws.client("scheduler"), uuid.uuid4().hex
    function = functions.get_function(FunctionName=api.function(KEEP_EVENT))["Configuration"]
    target = {"Arn": function["FunctionArn"], "RoleArn": function["Role"], "Input": '{"from": "schedule"}'}
    scheduler.create_schedule(Name=name, ScheduleExpression="rate(5 minutes)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target)
    assert api.next_event(wait=20) == {"from": "schedule"}
    scheduler.delete_schedule(Name=name)
