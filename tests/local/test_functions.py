"""Functions: their environment, and what happens to them when they change."""

from __future__ import annotations

import json
import threading

import pytest

from local.aws import LocalAws, local_aws

from .conftest import Api, role

SAYS_WHO_WHEN_ASKED = """
    import boto3
    def handler(event, context):
        queue = {"QueueUrl": "QUEUE"}
        sqs = boto3.client("sqs")
        sqs.send_message(**queue, MessageBody='{"begun": true}')
        for _ in range(300):
            if sqs.get_queue_attributes(**queue, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] != "30":
                return boto3.client("sts").get_caller_identity()["Arn"]
"""


def invoke(aws: LocalAws, name: str, **event: object) -> str:
    return str(aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read().decode())


def test_a_changed_function_ends_what_it_began(api: Api) -> None:
    """Under its old role; what begins afterwards runs under the new one."""
    old, new = (role(api.aws, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}) for _ in range(2))
    name, said = api.function(SAYS_WHO_WHEN_ASKED, Role=old, Timeout=60), list[str]()
    under_way = threading.Thread(target=lambda: said.append(invoke(api.aws, name)))
    under_way.start()
    assert api.next_event() == {"begun": True}
    api.aws.client("lambda").update_function_configuration(FunctionName=name, Role=new)
    api.aws.client("sqs").set_queue_attributes(QueueUrl=api.events, Attributes={"VisibilityTimeout": "60"})
    under_way.join()
    assert f"assumed-{old.rpartition(':')[2]}/" in said[0]
    assert f"assumed-{new.rpartition(':')[2]}/" in invoke(api.aws, name)


def test_a_function_sees_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    callers = ("AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "HOME", "PYTHONPATH", "AWS_CONFIG_FILE")
    for name in callers:
        monkeypatch.setenv(name, "of the caller")
    with local_aws() as aws:
        assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(aws.environment), "Terraform would use the caller's account"
        inside = Api(aws, "", "", aws.client("sqs").create_queue(QueueName="q")["QueueUrl"])
        code = "import os\ndef handler(event, context):\n    return dict(os.environ)"
        seen = json.loads(invoke(aws, inside.function(code, Environment={"Variables": {"ITS_OWN": "setting"}})))
    assert not [name for name in callers if seen.get(name) == "of the caller"]
    assert (seen["ITS_OWN"], seen["AWS_REGION"], seen["AWS_ENDPOINT_URL"]) == ("setting", "ap-northeast-2", aws.faults.url)
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
