"""Functions: their logs, their environment, and what happens to them when they change."""

from __future__ import annotations

import json
import threading

import pytest

from local.aws import LocalAws, local_aws

from .conftest import TRUST, Api, policy

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
    permissions = [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]
    name = api.function(SAYS_WHO_WHEN_ASKED, permissions, Timeout=60)
    iam, said = api.aws.client("iam"), list[str]()
    other = iam.create_role(RoleName=f"{name}-other", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=f"{name}-other", PolicyName="p", PolicyDocument=policy(*permissions))
    under_way = threading.Thread(target=lambda: said.append(invoke(api.aws, name)))
    under_way.start()
    assert api.next_event() == {"begun": True}
    api.aws.client("lambda").update_function_configuration(FunctionName=name, Role=other)
    api.aws.client("sqs").set_queue_attributes(QueueUrl=api.events, Attributes={"VisibilityTimeout": "60"})
    under_way.join()
    assert f"assumed-role/{name}/" in said[0]
    assert f"assumed-role/{name}-other/" in invoke(api.aws, name)


def test_every_line_is_logged_with_its_invocation(api: Api) -> None:
    name = api.function("""
        def handler(event, context):
            for i in range(300):
                print(event["n"], i)
            if event["n"] % 2:
                raise ValueError
    """)
    for n in range(6):
        invoke(api.aws, name, n=n)
    logs, group = api.aws.client("logs"), {"logGroupName": f"/aws/lambda/{name}"}
    streams = [stream["logStreamName"] for stream in logs.describe_log_streams(**group)["logStreams"]]
    said = [[e["message"] for e in logs.get_log_events(**group, logStreamName=stream)["events"]] for stream in streams]
    printed = sorted([line for line in lines if line[0].isdigit()] for lines in said)
    assert printed == [[f"{n} {i}" for i in range(300)] for n in range(6)]


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
