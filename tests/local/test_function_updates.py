"""A function that is changed while it is called."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from .conftest import TRUST, Api, policy

SAY_WHO = """
    import boto3
    def handler(event, context):
        return boto3.client("sts").get_caller_identity()["Arn"]
"""
SAY_WHEN_ASKED = """
    import boto3
    def handler(event, context):
        queue = {{"QueueUrl": "{queue}"}}
        sqs = boto3.client("sqs")
        sqs.send_message(**queue, MessageBody='{{"begun": true}}')
        for _ in range(300):
            if sqs.get_queue_attributes(**queue, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] != "30":
                return "done"
"""


@pytest.fixture
def functions(api: Api) -> Any:
    return api.aws.client("lambda")


def answer(functions: Any, name: str) -> str:
    return str(functions.invoke(FunctionName=name)["Payload"].read().decode())


def test_a_function_runs_under_its_new_role(api: Api, functions: Any) -> None:
    name = api.function(SAY_WHO)
    assert f"/{name}/" in answer(functions, name)
    other = api.aws.client("iam").create_role(RoleName=f"{name}-other", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    functions.update_function_configuration(FunctionName=name, Role=other)
    assert f"/{name}-other/" in answer(functions, name)


def test_an_update_does_not_stop_a_running_invocation(api: Api, functions: Any) -> None:
    permissions = [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]
    name, said = api.function(SAY_WHEN_ASKED, permissions, Timeout=60), []
    under_way = threading.Thread(target=lambda: said.append(answer(functions, name)))
    under_way.start()
    assert api.next_event() == {"begun": True}
    functions.update_function_configuration(FunctionName=name, Timeout=50)
    api.aws.client("sqs").set_queue_attributes(QueueUrl=api.events, Attributes={"VisibilityTimeout": "60"})
    under_way.join()
    assert said == ['"done"']
