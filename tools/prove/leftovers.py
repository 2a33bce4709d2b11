"""What a run left in the account: found by its tag, or by name where a search by tag finds nothing, and removed one by one.

Terraform normally removes a run. This is for what its state does not know: resources that were being created when it was killed, or a
run whose state is on another machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from .account import Account, CannotStartError

TAG = "websocket-disconnect-proof"  # its value is the run
STARTED = f"{TAG}-started"  # ISO 8601, UTC
PREFIX = "wsproof-"  # of every name; the run follows
NOT_THERE = re.compile(r"NotFound|NonExist|NoSuch|DoesNotExist")


@dataclass(frozen=True)
class Left:
    """Something of a run. `kind` is a key of KINDS, `name` what its API calls it."""

    run: str
    kind: str
    name: str
    started: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


Call = str | Callable[[Any, str], Any]  # a client's method, or a function of the client and the name


class Kind(NamedTuple):
    """How a kind of resource is found by its ARN, looked up and removed."""

    service: str
    arn: str | None  # how the resource of its ARN begins; None = the search by tag does not find it
    look: Call  # an error that says so, or nothing, if it is not there
    remove: Call
    parameter: str = ""  # of the methods

    def call(self, how: Call, account: Account, name: str) -> Any:
        client = account.client(self.service)
        return getattr(client, how)(**{self.parameter: name}) if isinstance(how, str) else how(client, name)


def _remove_role(iam: Any, name: str) -> None:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _remove_queue(sqs: Any, name: str) -> None:
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _alarms(cloudwatch: Any, name: str) -> list[Any]:
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*found["MetricAlarms"], *found["CompositeAlarms"]]


def _remove_rule(events: Any, name: str) -> None:
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
    if targets:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)


# In the order of removal: what uses another thing comes before it.
KINDS = {
    "event source mapping": Kind("lambda", "event-source-mapping:", "get_event_source_mapping", "delete_event_source_mapping", "UUID"),
    "schedule group": Kind("scheduler", "schedule-group/", "get_schedule_group", "delete_schedule_group", "Name"),
    "event rule": Kind("events", "rule/", "describe_rule", _remove_rule, "Name"),
    "API": Kind("apigatewayv2", "/apis/", "get_api", "delete_api", "ApiId"),
    "function": Kind("lambda", "function:", "get_function", "delete_function", "FunctionName"),
    "queue": Kind("sqs", "", "get_queue_url", _remove_queue, "QueueName"),
    "table": Kind("dynamodb", "table/", "describe_table", "delete_table", "TableName"),
    "alarm": Kind("cloudwatch", "alarm:", _alarms, lambda cloudwatch, name: cloudwatch.delete_alarms(AlarmNames=[name])),
    "saved query": Kind("logs", None, lambda logs, name: name, "delete_query_definition", "queryDefinitionId"),
    "log group": Kind("logs", "log-group:", "describe_log_streams", "delete_log_group", "logGroupName"),
    "role": Kind("iam", None, "get_role", _remove_role, "RoleName"),
}


def find(account: Account, run: str | None = None) -> list[Left]:
    """What is left of a run, or of any, in the order of removal. The search by tag also names things that are already gone."""
    found = [*_by_tag(account, run), *_roles(account, run)]
    for known in {run} if run else {left.run for left in found}:
        found += _by_name(account, known)
    order = list(KINDS)
    return sorted((left for left in dict.fromkeys(found) if is_there(account, left)), key=lambda left: order.index(left.kind))


def is_there(account: Account, left: Left) -> bool:
    kind = KINDS[left.kind]
    try:
        return bool(kind.call(kind.look, account, left.name))
    except ClientError as problem:
        if NOT_THERE.search(problem.response["Error"]["Code"]):
            return False
        raise


def remove(account: Account, left: Left) -> str:
    """Ask for its removal. Returns the error, perhaps because something else still uses it, or ""."""
    kind = KINDS[left.kind]
    try:
        kind.call(kind.remove, account, left.name)
    except ClientError as problem:
        return "" if NOT_THERE.search(problem.response["Error"]["Code"]) else str(problem)
    return ""


def _by_tag(account: Account, run: str | None) -> Iterator[Left]:
    wanted = {"Key": TAG, **({"Values": [run]} if run else {})}
    for page in account.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[wanted]):
        for resource in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            kind, name = kind_and_name(resource["ResourceARN"])
            yield Left(tags[TAG], kind, name, tags.get(STARTED, ""))


def kind_and_name(arn: str) -> tuple[str, str]:
    """What an ARN names. A stage belongs to its API."""
    _, _, service, _, _, resource = arn.split(":", 5)
    for kind, its in KINDS.items():
        if its.arn is not None and its.service.removesuffix("v2") == service and resource.startswith(its.arn):
            name = resource.removeprefix(its.arn)
            return kind, name.partition("/")[0] if kind == "API" else name.removesuffix(":*")
    raise CannotStartError(f"{arn} has the tag {TAG}, but this program does not create such resources. Remove it, or its tag, by hand.")


def _roles(account: Account, run: str | None) -> Iterator[Left]:
    """A search by tag does not find roles."""
    iam = account.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(f"{PREFIX}{run or ''}"):
                tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=role["RoleName"])["Tags"]}
                if TAG in tags:
                    yield Left(tags[TAG], "role", role["RoleName"], tags.get(STARTED, ""))


def _by_name(account: Account, run: str) -> Iterator[Left]:
    """Saved queries take no tags, and a log group that Lambda has created again has none."""
    logs = account.client("logs")
    for query in logs.describe_query_definitions(queryDefinitionNamePrefix=f"{PREFIX}{run}/")["queryDefinitions"]:
        yield Left(run, "saved query", query["queryDefinitionId"])
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{PREFIX}{run}-"):
        for group in page["logGroups"]:
            yield Left(run, "log group", group["logGroupName"])
