"""Starting and ending: quickly, on loopback, with nothing of the caller inside and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import REPOSITORY, LocalAws, local_aws

from .conftest import Api

RUN_UNTIL_KILLED = """
import io, sys, time, zipfile
from local.aws import local_aws
from tests.local.conftest import Api
with local_aws() as aws:
    api = Api(aws, "", "", aws.client("sqs").create_queue(QueueName="q")["QueueUrl"])
    aws.client("lambda").invoke(FunctionName=api.function("def handler(event, context): pass"))
    print(aws.endpoint, flush=True)
    time.sleep(60)
"""
SHOW_ENVIRONMENT = """
    import os
    def handler(event, context):
        return dict(os.environ)
"""


def processes(mark: str) -> list[str]:
    """Command lines of the processes that mention the mark, from `ps`, which every system has."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in listing.splitlines() if mark in line]


def wait_until(condition: Any, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def refuses(endpoint: str) -> bool:
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_it_is_ready_in_about_a_second() -> None:
    started = time.monotonic()
    with local_aws():
        assert time.monotonic() - started < 5  # 0.5 s on an idle machine


def test_nothing_listens_after_the_block() -> None:
    with local_aws() as aws:
        assert not refuses(aws.endpoint)
    assert refuses(aws.endpoint)
    assert refuses(aws.faults.url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name)
def test_no_process_and_no_file_survives_the_starter(tmp_path: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_KILLED],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with starter:
        assert starter.stdout
        endpoint = starter.stdout.readline().strip()
        assert processes(f"{tmp_path}/local-aws-")  # the function's worker
        os.killpg(starter.pid, number)
    assert wait_until(lambda: refuses(endpoint))
    assert wait_until(lambda: not processes(str(tmp_path)))
    assert wait_until(lambda: not list(tmp_path.iterdir()))


def test_a_function_sees_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    own = ("AWS_CA_BUNDLE", "AWS_PROFILE", "HTTP_PROXY", "HTTPS_PROXY", "HOME", "PYTHONPATH", "AWS_CONFIG_FILE")
    for name in own:
        monkeypatch.setenv(name, "of the caller")
    with local_aws() as aws:
        inside = Api(aws, api.id, api.execution_arn, aws.client("sqs").create_queue(QueueName="q")["QueueUrl"])
        name = inside.function(SHOW_ENVIRONMENT, Environment={"Variables": {"ITS_OWN": "setting"}})
        seen = json.loads(aws.client("lambda").invoke(FunctionName=name)["Payload"].read())
        assert not [name for name in own if name in seen]
        assert seen["ITS_OWN"] == "setting"
        assert seen["AWS_REGION"] == "ap-northeast-2"
        assert seen["AWS_ENDPOINT_URL"] == aws.faults.url
        assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")


def test_terraform_gets_nothing_of_the_callers_account(monkeypatch: pytest.MonkeyPatch, aws: LocalAws) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(aws.environment)


def test_an_object_that_is_no_text_is_kept(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket="packages", Key="zip", Body=b"PK\xc4")
    assert s3.get_object(Bucket="packages", Key="zip")["Body"].read() == b"PK\xc4"


def test_a_wrong_signature_is_refused(aws: LocalAws) -> None:
    iam, user = aws.client("iam"), {"UserName": uuid.uuid4().hex}
    iam.create_user(**user)
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    with pytest.raises(ClientError, match="signature"):
        aws.client("sts", aws_access_key_id=key, aws_secret_access_key="wrong").get_caller_identity()


@pytest.mark.parametrize("allowed", [True, False])
def test_roles_are_enforced_behind_the_fault_proxy(api: Api, allowed: bool) -> None:
    code = """
        import boto3
        def handler(event, context):
            return boto3.client("dynamodb").list_tables()["TableNames"]
    """
    statement = {"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"}
    answer = api.aws.client("lambda").invoke(FunctionName=api.function(code, allow=[statement] if allowed else []))
    assert ("AccessDenied" in answer["Payload"].read().decode()) is not allowed


def test_who_may_send_a_message_may_send_a_batch(api: Api) -> None:
    """The roles of these functions may `sqs:SendMessage`, and AWS knows no permission of a batch's own."""
    function = api.function("""
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message_batch(QueueUrl="{queue}", Entries=[{{"Id": "0", "MessageBody": "\\"sent\\""}}])
    """)
    assert "FunctionError" not in api.aws.client("lambda").invoke(FunctionName=function)
    [message] = api.aws.client("sqs").receive_message(QueueUrl=api.events)["Messages"]
    assert json.loads(message["Body"]) == "sent"


def test_loopback_counts_as_tls(aws: LocalAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
    tls_only = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    policy = {"Version": "2012-10-17", "Statement": [tls_only | {"Condition": plain}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sqs.send_message(QueueUrl=url, MessageBody="as if by TLS")
    policy["Statement"] = [tls_only]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=url, MessageBody="denied whatever it came by")


def test_a_fault_meets_a_functions_calls_and_not_the_testers(api: Api) -> None:
    code = """
        import boto3
        def handler(event, context):
            return boto3.client("dynamodb").list_tables()["TableNames"]
    """
    function = api.function(code, allow=[{"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"}])
    with api.aws.faults.fail("dynamodb", "ResourceNotFoundException"):
        assert "ResourceNotFoundException" in api.aws.client("lambda").invoke(FunctionName=function)["Payload"].read().decode()
        api.aws.client("dynamodb").list_tables()
