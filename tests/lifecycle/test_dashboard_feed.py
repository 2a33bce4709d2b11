"""examples/dashboard-feed, applied as it is: who leaves is announced on the bus, and pushed to every open page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import fastjsonschema
import pytest

from local.aws import REPOSITORY, LocalAws, local_aws
from tests.provider import kept_provider
from tools.clients import Client
from tools.deployment import Deployment, until
from tools.terraform import Root

pytestmark = pytest.mark.xdist_group("dashboard feed")

ENDED, OFFLINE = "WebSocket Connection Ended", "WebSocket Client Offline"
TABLE = "dashboard-example-connections"
conforms = fastjsonschema.compile(json.loads((REPOSITORY / "docs/schemas/announcement.v1.json").read_text()))

Event = dict[str, Any]


@dataclass
class Dashboard:
    aws: LocalAws
    url: str
    queue: str  # a second target of the example's rule
    heard: list[Event] = field(default_factory=list)

    def hear(self, kind: str, client: str) -> Event:
        """The first such announcement about this client's connections, whenever it comes."""
        return until(lambda: self.about(kind, client), seconds=60, every=0)[0]

    def about(self, kind: str, client: str) -> list[Event]:
        messages = self.aws.client("sqs").receive_message(QueueUrl=self.queue, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        for message in messages.get("Messages", []):
            self.heard.append(json.loads(message["Body"]))
            self.aws.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self.heard if event["detail-type"] == kind and event["detail"].get("clientId") == client]


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Dashboard]:
    with local_aws() as aws:
        root = Root(REPOSITORY / "examples/dashboard-feed", aws.environment, aws.folder / "data", state=aws.folder / "feed.tfstate")
        root.init()
        with kept_provider(root):
            root.apply()
            assert root.plan() == ""
        rule_arn = root.outputs()["rule_arn"]
        sqs, name = aws.client("sqs"), rule_arn.rpartition("/")[2]
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        who = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}}}
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn, **who}
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
        aws.client("events").put_targets(Rule=name, Targets=[{"Id": "heard", "Arn": arn}])
        api_id = aws.client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
        yield Dashboard(aws, aws.websocket_url(api_id, "live"), queue)


def pushed(page: Client, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is pushed to an open page, up to the first news that is wanted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for news in json.loads(page.socket.recv(timeout=deadline - time.monotonic())):
            if wanted(news):
                return dict(news)
    raise TimeoutError


def test_who_leaves_is_announced_and_pushed_to_open_pages(dashboard: Dashboard) -> None:
    page, first, second = (Client(dashboard.url, name) for name in ("page", "kim", "kim"))
    first.close(4001, "bye")
    ended = dashboard.hear(ENDED, "kim")
    assert ended["source"] == "websocket-connections"
    assert (ended["detail"]["cause"], ended["detail"]["closeCode"], ended["detail"]["connectionsLeft"]) == ("client_closed", 4001, 1)
    assert (ended["detail"]["connectionsTable"], ended["detail"]["stage"]) == (TABLE, "live")
    assert pushed(page, lambda news: news["type"] == ENDED)["id"] == ended["detail"]["id"]

    second.close()
    offline = dashboard.hear(OFFLINE, "kim")
    last = [event for event in dashboard.about(ENDED, "kim") if event["detail"]["connectionsLeft"] == 0]
    assert [event["detail"]["connectionId"] for event in last] == [offline["detail"]["connectionId"]]
    assert pushed(page, lambda news: news["type"] == OFFLINE)["clientId"] == "kim"
    assert page.is_open()
    page.close()


def test_a_reload_is_not_announced_as_leaving(dashboard: Dashboard) -> None:
    before, leaves = Client(dashboard.url, "reloads"), Client(dashboard.url, "leaves")
    before.close()
    again = Client(dashboard.url, "reloads")
    leaves.close()
    dashboard.hear(OFFLINE, "leaves")
    assert dashboard.hear(ENDED, "reloads")
    assert dashboard.about(OFFLINE, "reloads") == []
    again.close()
    dashboard.hear(OFFLINE, "reloads")


def test_a_denied_announcement_goes_to_the_retry_queue(dashboard: Dashboard) -> None:
    dashboard.aws.faults.requests.clear()
    client = Client(dashboard.url, "denied")
    with Deployment(dashboard.aws, dict).without_statement("dashboard-example-disconnect", "Announce"):
        client.close()
        dashboard.hear(ENDED, "denied")  # the clean-up function has a role of its own
    answers = [request.answer for request in dashboard.aws.faults.requests if request.operation == "PutEvents"]
    assert b"not authorized to perform: events:PutEvents" in answers[0]


def test_whatever_is_announced_is_as_the_schema_says(dashboard: Dashboard) -> None:
    assert dashboard.heard
    for event in dashboard.heard:
        conforms(event["detail"])
