"""`make prove`, on an account that others use too: killed in the middle, then run to its end, which begins by cleaning up."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws, create_table, local_aws
from tools.acts.claims import BROKEN, CLAIMS, HELD, UNSEEN
from tools.deployment import until
from tools.prove.leftovers import TAG
from tools.prove.run import FOLDERS
from tools.terraform import REPOSITORY

pytestmark = pytest.mark.xdist_group("proof")

# `python -m tools.prove`, which runs Terraform a dozen times: by one provider for each run, which takes longer to start than a plan.
PROVE = """
from contextlib import ExitStack

from tests.provider import kept_provider
from tools import program
from tools.prove import __main__, run

prepare = run.Run.prepare
with ExitStack() as providers:

    def prepare_with_provider(self):
        prepare(self)
        providers.enter_context(kept_provider(self.root))

    run.Run.prepare = prepare_with_provider
    program.run(__main__.main)
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
NEIGHBOUR = "wsproof-neighbour"
# Each kind of thing in an account: the service, the call that lists it, and the answer's list.
KINDS = [
    ("dynamodb", "list_tables", "TableNames"),
    ("sqs", "list_queues", "QueueUrls"),
    ("iam", "list_roles", "Roles"),
    ("lambda", "list_functions", "Functions"),
    ("logs", "describe_log_groups", "logGroups"),
    ("logs", "describe_query_definitions", "queryDefinitions"),
    ("apigatewayv2", "get_apis", "Items"),
    ("scheduler", "list_schedule_groups", "ScheduleGroups"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
]


@dataclass
class Proofs:
    """What became of the killed run and of the whole one: its output, its exit code, what bore the tag, and the neighbour afterwards."""

    neighbour: list[Any]
    output: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    tagged: list[list[str]] = field(default_factory=list)
    neighbours: list[list[Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proofs]:
    folder = tmp_path_factory.mktemp("proof")
    with local_aws() as aws:
        make_neighbour(aws)
        seen = Proofs(neighbours(aws))
        for killed in (True, False):
            with prove(aws, folder) as process:
                if killed:
                    wait_until_it_creates(aws, process, 20)
                    process.kill()
                seen.output.append(process.communicate(timeout=1200)[0])
            seen.codes.append(process.returncode)
            seen.tagged.append(tagged(aws))
            seen.neighbours.append(neighbours(aws))
        reports = sorted(folder.glob("proof-*"))
        assert [path.suffix for path in reports] == [".json", ".md"], seen.output[1]
        seen.texts = [path.read_text() for path in reports]
        seen.report = json.loads(seen.texts[0])
        yield seen


@contextmanager
def prove(aws: LocalAws, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that writes its report to `folder`; everybody's answer is yes."""
    command = [sys.executable, "-c", PROVE, "--clients", "2"]
    environment = {**aws.environment, "PYTHONPATH": str(REPOSITORY)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes) as process:
        try:
            assert process.stdin
            process.stdin.write("yes\n" * 2)
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def wait_until_it_creates(aws: LocalAws, process: subprocess.Popen[str], number: int) -> None:
    enough = until(lambda: len(tagged(aws)) >= number or process.poll() is not None, seconds=300, every=0.2)
    assert enough, "it takes too long"
    assert process.poll() is None, process.communicate()[0]


def tagged(aws: LocalAws) -> list[str]:
    pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": TAG}])
    return [resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]]


def make_neighbour(aws: LocalAws) -> None:
    """Another stack, whose names and tags are as near to a run's as they can be without being one's."""
    tags = {f"{TAG}s": "0123abcd"}
    create_table(aws.client("dynamodb"), NEIGHBOUR, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    aws.client("dynamodb").put_item(TableName=NEIGHBOUR, Item={"connectionId": {"S": "c1"}, "connectedAt": {"N": "1543622400001"}})
    queue = aws.client("sqs").create_queue(QueueName=NEIGHBOUR, tags=tags)["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="kept")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    aws.client("iam").create_role(RoleName=NEIGHBOUR, AssumeRolePolicyDocument=policy)
    aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{NEIGHBOUR}", tags=tags)
    aws.client("logs").put_query_definition(name=f"{NEIGHBOUR}/mine", queryString="fields @message")
    api = aws.client("apigatewayv2").create_api(Name=NEIGHBOUR, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    aws.client("apigatewayv2").create_stage(ApiId=api["ApiId"], StageName="live", AutoDeploy=True, Tags=tags)
    aws.client("scheduler").create_schedule_group(Name=NEIGHBOUR)
    when = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=NEIGHBOUR, ComparisonOperator="GreaterThanThreshold", **when)


def neighbours(aws: LocalAws) -> list[Any]:
    """Everything in the account that is not a run's."""
    things = [thing for service, call, name in KINDS for thing in getattr(aws.client(service), call)().get(name, [])]
    sqs, dynamodb = aws.client("sqs"), aws.client("dynamodb")
    url = sqs.get_queue_url(QueueName=NEIGHBOUR)["QueueUrl"]
    things += [dynamodb.describe_table(TableName=NEIGHBOUR)["Table"], *dynamodb.scan(TableName=NEIGHBOUR)["Items"]]
    things.append(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])
    return [thing for thing in things if not re.search("wsproof-[0-9a-f]{8}", str(thing))]


def test_another_stack_beside_it_stays_as_it_was(proofs: Proofs) -> None:
    assert len(proofs.neighbour) >= len(KINDS)
    assert proofs.neighbours == [proofs.neighbour] * 2


def test_the_next_run_removes_what_a_killed_one_left(proofs: Proofs) -> None:
    assert proofs.codes[0] == -signal.SIGKILL
    assert len(proofs.tagged[0]) >= 20
    assert re.search(r"A proof of \S+Z was not cleaned up: .*\d+ role.*\.\nRemove it\? \[y/N\] It is removed", proofs.output[1])
    assert "another machine" not in proofs.output[1], "its folder here was not found"


def test_a_whole_run_leaves_nothing(proofs: Proofs) -> None:
    assert (proofs.codes[1], proofs.tagged[1]) == (0, []), proofs.output[1]
    named = [output.partition("named wsproof-")[2][:8] for output in proofs.output]
    assert all(re.fullmatch("[0-9a-f]{8}", run) and not (FOLDERS / run).exists() for run in named)


def test_every_claim_holds_or_the_emulator_can_not_tell(proofs: Proofs) -> None:
    verdicts = {claim["id"]: claim["verdict"] for claim in proofs.report["claims"]}
    assert [claim for claim in proofs.report["claims"] if claim["verdict"] == BROKEN] == []
    assert proofs.report["failed steps"] == {}
    never = {"provider", "keys", "companies", "partitions", "ttl"}  # with this provider, in this partition, without LONG
    can_tell = {name for name, claim in CLAIMS.items() if not claim.emulator and name not in never}
    assert {name for name, verdict in verdicts.items() if verdict == HELD} == can_tell
    unexplained = {claim["id"] for claim in proofs.report["claims"] if claim["verdict"] == UNSEEN and "the run ended" in claim["seen"]}
    assert unexplained == set()


def test_the_report_does_not_say_whose_account_it_was(proofs: Proofs) -> None:
    run = proofs.output[1].partition("named wsproof-")[2][:8]
    api = re.search(r"execute-api/(\w+)/live", proofs.output[1])
    assert api
    private = [r"\b\d{12}\b", r"\barn:", r"\d+\.\d+\.\d+\.\d+", "://", run, api[1], f"{Path.home()}/", str(REPOSITORY)]
    assert [(word, text) for text in proofs.texts for word in private if re.search(word, text)] == []
