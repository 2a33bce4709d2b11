"""`make prove`, on an account that others use too: killed in the middle, cleaned up by the next run, interrupted, and run to its end.

One after the other, since each takes minutes; the tests look at what each left behind.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws, local_aws
from tools.prove.claims import BROKEN, HELD, UNSEEN, claims
from tools.prove.leftovers import TAG
from tools.prove.run import FOLDERS
from tools.terraform import REPOSITORY

pytestmark = pytest.mark.xdist_group("proof")

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
LOG_GROUP = "/aws/lambda/wsproof-neighbour"


@dataclass
class Proofs:
    """What became of each run: what it said, its exit code, what was found by the tag then, and the neighbour."""

    neighbour: dict[str, Any]
    neighbours: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    tagged: dict[str, list[str]] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proofs]:
    with local_aws() as aws:
        make_neighbour(aws)
        seen = Proofs(look_at_neighbour(aws))
        for name, number in (("killed", signal.SIGKILL), ("interrupted", signal.SIGTERM), ("whole", None)):
            folder = tmp_path_factory.mktemp(name)
            with prove(aws, folder) as process:
                if number:
                    wait_until_it_creates(aws, process, 20)
                    process.send_signal(number)
                seen.said[name], _ = process.communicate(timeout=1200)
            seen.codes[name], seen.tagged[name] = process.returncode, tagged(aws)
            seen.neighbours[name] = look_at_neighbour(aws)
        reports = sorted(folder.glob("proof-*"))
        assert [path.suffix for path in reports] == [".json", ".md"], seen.said["whole"]
        seen.texts = [path.read_text() for path in reports]
        seen.report = json.loads(seen.texts[0])
        yield seen


@contextmanager
def prove(aws: LocalAws, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that writes its report to `folder`; everybody's answer is yes."""
    command = [sys.executable, "-m", "tools.prove", "--clients", "2"]
    environment = {**aws.environment, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdin
            process.stdin.write("yes\n" * 2)
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def wait_until_it_creates(aws: LocalAws, process: subprocess.Popen[str], number: int) -> None:
    """Until so many things of the run are there, beyond what an earlier one left."""
    earlier = {tag(resource) for resource in resources(aws)}
    deadline = time.monotonic() + 300
    while sum(tag(resource) not in earlier for resource in resources(aws)) < number:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def resources(aws: LocalAws) -> list[dict[str, Any]]:
    pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": TAG}])
    return [resource for page in pages for resource in page["ResourceTagMappingList"]]


def tag(resource: dict[str, Any]) -> str:
    return next(str(entry["Value"]) for entry in resource["Tags"] if entry["Key"] == TAG)


def tagged(aws: LocalAws) -> list[str]:
    return [resource["ResourceARN"] for resource in resources(aws)]


def make_neighbour(aws: LocalAws) -> None:
    """Another stack, whose names and tags are as near to a run's as they can be without being one's."""
    name, tags = "wsproof-neighbour", {f"{TAG}s": "0123abcd"}
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    aws.client("dynamodb").put_item(TableName=name, Item={"connectionId": {"S": "c1"}, "connectedAt": {"N": "1543622400001"}})
    queue = aws.client("sqs").create_queue(QueueName=name, tags=tags)["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="kept")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)
    aws.client("logs").create_log_group(logGroupName=LOG_GROUP, tags=tags)
    aws.client("logs").put_query_definition(name=f"{name}/mine", queryString="fields @message")
    api = aws.client("apigatewayv2").create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    aws.client("apigatewayv2").create_stage(ApiId=api["ApiId"], StageName="live", AutoDeploy=True, Tags=tags)
    aws.client("scheduler").create_schedule_group(Name=name)
    when = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, ComparisonOperator="GreaterThanThreshold", **when)


def look_at_neighbour(aws: LocalAws) -> dict[str, Any]:
    """Everything in the account that is not a run's."""
    kinds: dict[str, list[Any]] = {
        "tables": [
            aws.client("dynamodb").describe_table(TableName=name)["Table"] for name in aws.client("dynamodb").list_tables()["TableNames"]
        ],
        "records": aws.client("dynamodb").scan(TableName="wsproof-neighbour")["Items"],
        "queues": [attributes(aws, url) for url in aws.client("sqs").list_queues().get("QueueUrls", [])],
        "roles": aws.client("iam").list_roles()["Roles"],
        "functions": aws.client("lambda").list_functions()["Functions"],
        "log groups": aws.client("logs").describe_log_groups()["logGroups"],
        "saved queries": aws.client("logs").describe_query_definitions()["queryDefinitions"],
        "APIs": aws.client("apigatewayv2").get_apis()["Items"],
        "schedule groups": aws.client("scheduler").list_schedule_groups()["ScheduleGroups"],
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
    }
    return {kind: [thing for thing in things if not re.search("wsproof-[0-9a-f]{8}", str(thing))] for kind, things in kinds.items()}


def attributes(aws: LocalAws, queue: str) -> dict[str, str]:
    return dict(aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"])


@pytest.mark.parametrize("name", ["killed", "interrupted", "whole"])
def test_another_stack_beside_it_stays_as_it_was(proofs: Proofs, name: str) -> None:
    assert proofs.neighbours[name] == proofs.neighbour
    assert all(proofs.neighbour[kind] for kind in proofs.neighbour if kind != "functions")


def test_a_killed_run_leaves_what_the_next_one_finds_and_removes_when_told_to(proofs: Proofs) -> None:
    assert proofs.codes["killed"] == -signal.SIGKILL
    assert len(proofs.tagged["killed"]) >= 20
    assert re.search(r"A proof of \S+Z was not cleaned up: .*\d+ role.*\.\nRemove it\? \[y/N\] It is removed", proofs.said["interrupted"])


def test_an_interrupted_run_destroys_what_it_has_made(proofs: Proofs) -> None:
    assert (proofs.codes["interrupted"], proofs.tagged["interrupted"]) == (130, [])
    assert "Interrupted: everything is destroyed now." in proofs.said["interrupted"]
    assert "was not cleaned up" not in proofs.said["whole"]


def test_a_whole_run_leaves_nothing(proofs: Proofs) -> None:
    assert (proofs.codes["whole"], proofs.tagged["whole"]) == (0, []), proofs.said["whole"]
    named = [proofs.said[name].partition("named wsproof-")[2][:8] for name in proofs.said]
    assert all(re.fullmatch("[0-9a-f]{8}", run) and not (FOLDERS / run).exists() for run in named)


def test_every_claim_held_or_the_report_says_why_the_emulator_can_not_tell(proofs: Proofs) -> None:
    verdicts = {claim["id"]: claim["verdict"] for claim in proofs.report["claims"]}
    assert [claim for claim in proofs.report["claims"] if claim["verdict"] == BROKEN] == []
    assert proofs.report["failed steps"] == {}
    never = {"provider", "keys", "companies", "partitions", "ttl"}  # with this provider, in this partition, without LONG
    can_tell = {name for name, claim in claims().items() if not claim.emulator and name not in never}
    assert {name for name, verdict in verdicts.items() if verdict == HELD} == can_tell
    unexplained = {claim["id"] for claim in proofs.report["claims"] if claim["verdict"] == UNSEEN and "the run ended" in claim["seen"]}
    assert unexplained == set()


def test_the_report_has_figures_of_every_ending(proofs: Proofs) -> None:
    endings = proofs.report["figures"]["endings"].values()
    assert [(ending["connections"], ending["told"]) for ending in endings] == [(2, 2)] * 8
    durations = proofs.report["figures"]["durations"].values()
    assert all(figures["warm ms"] > 0 and figures["memory MB"] > 0 for figures in durations)


def test_the_report_does_not_say_whose_account_it_was(proofs: Proofs) -> None:
    run = proofs.said["whole"].partition("named wsproof-")[2][:8]
    api = re.search(r"execute-api/(\w+)/live", proofs.said["whole"])
    assert api
    assert len(proofs.texts) == 2
    for text in proofs.texts:
        for private in (
            r"\b\d{12}\b",
            r"\barn:",
            r"\d+\.\d+\.\d+\.\d+",
            r"://",
            run,
            api[1],
            f"{Path.home()}/",
            str(REPOSITORY),
        ):
            assert not re.search(private, text), private
