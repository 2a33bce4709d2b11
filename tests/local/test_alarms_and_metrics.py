"""CloudWatch: alarms are described in full, and Embedded Metric Format becomes metrics that move them."""

from __future__ import annotations

import re
import time
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import LocalAws

from .conftest import Api

ALARM: dict[str, Any] = {
    "AlarmName": "failures",
    "AlarmDescription": 'More than "1" & rising',
    "Namespace": "Test",
    "MetricName": "Failures",
    "Dimensions": [{"Name": "Name", "Value": "demo"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}
EMIT = """
    import json, time
    def handler(event, context):
        directive = {{"Namespace": "Test", "Dimensions": [["Name"]], "Metrics": [{{"Name": "Failures", "Unit": "Count"}}]}}
        metadata = {{"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}}
        print(json.dumps({{"_aws": metadata, "Name": "demo", "Failures": 2, "other": "text"}}))
        print("not JSON")
        print("[1]")
"""


def describe_alarms_by_query(aws: LocalAws) -> str:
    """As the Terraform provider before 6.50 asks; today's SDKs speak another protocol."""
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=failures"
    request = AWSRequest("POST", f"{aws.endpoint}/", head, body)
    SigV4Auth(Credentials(aws.key["AWS_ACCESS_KEY_ID"], aws.key["AWS_SECRET_ACCESS_KEY"]), "monitoring", "ap-northeast-2").add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, body.encode(), dict(request.headers))) as answer:
        return str(answer.read().decode())


def test_an_alarm_is_described_in_full_over_the_query_protocol(aws: LocalAws) -> None:
    aws.client("cloudwatch").put_metric_alarm(**ALARM)
    answer = describe_alarms_by_query(aws)
    for name, value in ALARM.items():
        if not isinstance(value, (int, list)):
            assert f"<{name}>{value.replace('&', '&amp;')}</{name}>" in answer
    assert "<Period>60</Period>" in answer
    assert re.search(r"<StateUpdatedTimestamp>20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ<", answer)
    assert "<Dimensions><member><Name>Name</Name><Value>demo</Value></member></Dimensions>" in answer


def test_a_log_line_in_embedded_metric_format_moves_an_alarm(api: Api) -> None:
    cloudwatch = api.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**ALARM)
    function = api.function(EMIT)
    api.aws.client("lambda").invoke(FunctionName=function)
    now = time.time()
    query = {key: ALARM[key] for key in ("Namespace", "MetricName", "Dimensions", "Period")}
    found = cloudwatch.get_metric_statistics(**query, StartTime=now - 300, EndTime=now + 60, Statistics=["Sum"])["Datapoints"]
    assert [point["Sum"] for point in found] == [2]
    assert cloudwatch.describe_alarms(AlarmNames=["failures"])["MetricAlarms"][0]["StateValue"] == "ALARM"
