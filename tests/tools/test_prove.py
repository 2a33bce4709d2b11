"""`make prove`: when it begins nothing, what it costs, and what its report leaves out. tests/lifecycle/test_proof.py runs it."""

from __future__ import annotations

import fcntl
import io
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import route_settings
from botocore.config import Config

from local.aws import LocalAws
from tests.local.conftest import TRUST, policy
from tools.acts import speed
from tools.prove import cost, leftovers, report, run
from tools.prove.__main__ import main, options
from tools.prove.account import Account, CannotStartError
from tools.prove.proof import Proof

NOTHING = {
    "HOME": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
NOTHING_ALLOWED = {"Effect": "Deny", "Action": "*", "Resource": "*"}
REGION = {"AWS_REGION": "eu-central-1"}


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def use(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["prove"])


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (REGION, "No AWS credentials found. Set AWS_PROFILE"),
        (KEYS, "No AWS region is set. Set AWS_REGION"),
        (REGION | {"AWS_PROFILE": "sandbox"}, "The config profile (sandbox) could not be found"),
        (REGION | KEYS | {"AWS_ENDPOINT_URL": "closed"}, "Could not connect to the endpoint URL"),
    ],
    ids=["no credentials", "no region", "no such profile", "no answer"],
)
def test_without_an_account_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: dict[str, str], said: str
) -> None:
    use(NOTHING | {name: closed_port() if value == "closed" else value for name, value in environment.items()}, monkeypatch)
    monkeypatch.setattr("tools.prove.account.CONFIG", Config(retries={"total_max_attempts": 1}))
    assert main() == 2
    assert said in capsys.readouterr().out


def test_it_says_what_it_would_do_and_asks_first(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def resources() -> list[Any]:
        return [account.client("dynamodb").list_tables()["TableNames"], account.client("apigatewayv2").get_apis()["Items"]]

    before = resources()
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert main() == 2
    output = capsys.readouterr().out
    for said in (
        "Account 000000000000, region ap-northeast-2",
        "1 aws_apigatewayv2_api",
        "costs at most 0.0",
        "Go on?",
        "Nothing was created.",
    ):
        assert said in output
    assert resources() == before
    assert not list(run.FOLDERS.glob("*"))


@pytest.mark.parametrize("option", ["--yes", "--local", "--long"])
def test_only_1_true_and_yes_mean_yes(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setattr(sys, "argv", ["prove", f"{option}=0"])
    with pytest.raises(SystemExit):
        options()


@pytest.fixture
def account(aws: LocalAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """Of the local AWS, with no run on this machine."""
    use(aws.environment, monkeypatch)
    monkeypatch.setattr(run, "FOLDERS", tmp_path)
    return Account.of_environment()


@pytest.fixture
def left(account: Account, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue and a role of an earlier run, which began so many hours ago on another machine; the queue's URL."""
    tags = {
        leftovers.TAG: "0123abcd",
        leftovers.STARTED: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600 * request.param)),
    }
    sqs, iam = account.client("sqs"), account.client("iam")
    url = str(sqs.create_queue(QueueName="wsproof-0123abcd-retry", tags=tags)["QueueUrl"])
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    iam.create_role(RoleName="wsproof-0123abcd-sweep", AssumeRolePolicyDocument=policy(TRUST), Tags=listed)
    iam.put_role_policy(RoleName="wsproof-0123abcd-sweep", PolicyName="any", PolicyDocument=policy(NOTHING_ALLOWED))
    yield url
    for thing in leftovers.find(account):
        leftovers.remove(account, thing)


def there(account: Account) -> list[str]:
    return [str(thing) for thing in leftovers.find(account)]


@pytest.mark.parametrize(("left", "yes"), [(5, False), (1, True)], indirect=["left"], ids=["nobody agrees", "may be under way elsewhere"])
def test_what_an_earlier_run_left_stays_in_doubt(
    account: Account, left: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(CannotStartError, match="No proof can start"):
        run.clean_up(account, yes)
    assert "was not cleaned up: 1 queue, 1 role." in capsys.readouterr().out
    assert there(account) == ["queue wsproof-0123abcd-retry", "role wsproof-0123abcd-sweep"]


@pytest.mark.parametrize("left", [5], indirect=True)
def test_what_an_earlier_run_left_is_removed_by_its_tag(account: Account, left: str) -> None:
    sqs = account.client("sqs")
    others = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("wsproof-0123abcd-other", "wsproof-another")]
    run.clean_up(account, yes=True)
    assert there(account) == []
    assert set(others) <= set(sqs.list_queues()["QueueUrls"])
    for url in others:
        sqs.delete_queue(QueueUrl=url)


def test_what_something_else_uses_is_removed_after_it(account: Account) -> None:
    cloudwatch, tags = account.client("cloudwatch"), [{"Key": leftovers.TAG, "Value": "0123abcd"}]
    when = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
    cloudwatch.put_metric_alarm(AlarmName="wsproof-0123abcd-a", ComparisonOperator="GreaterThanThreshold", **when, Tags=tags)
    cloudwatch.put_composite_alarm(AlarmName="wsproof-0123abcd-b", AlarmRule='ALARM("wsproof-0123abcd-a")', Tags=tags)
    left = run.Run(account, "0123abcd", "2026-11-25T00:00:00Z").destroy()
    assert {str(thing) for thing in left} == {"alarm wsproof-0123abcd-a", "alarm wsproof-0123abcd-b"}
    assert there(account) == []


def test_nothing_begins_beside_a_run_that_is_under_way(account: Account) -> None:
    other = run.Run(account, "0123abcd", "2026-11-25T00:00:00Z")
    other.folder.mkdir()
    other.note()
    with (other.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotStartError, match="is running on this machine"):
            run.clean_up(account, yes=True)
    run.clean_up(account, yes=True)
    assert not other.folder.exists()


class InterruptedRoot:
    """Terraform that is interrupted when it has made a queue, and does not know of it."""

    def __init__(self, account: Account, run: run.Run) -> None:
        self._create = partial(account.client("sqs").create_queue, QueueName=f"{run.name}-retry", tags={leftovers.TAG: run.id})

    def apply(self) -> None:
        self._create()
        raise KeyboardInterrupt


def test_an_interrupted_run_destroys_what_it_has_made(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    this = run.Run(account, "0123abcd", "2026-11-25T00:00:00Z")
    this.root = InterruptedRoot(account, this)  # type: ignore[assignment]
    proof = Proof(this)
    assert proof.run_and_report(57, 0.05) == 130
    assert there(account) == []
    assert "removed by their tag" in proof.outcome["destroyed"][1]
    assert len(list(tmp_path.glob("proof-*"))) == 2


def test_a_run_on_an_emulator_that_is_gone_is_forgotten(account: Account) -> None:
    gone = run.Run(Account(account.session, account.id, account.arn, account.region, closed_port()), "0123abcd", "2026-11-25T00:00:00Z")
    gone.folder.mkdir()
    gone.note()
    run.clean_up(account, yes=False)
    assert not gone.folder.exists()


def test_something_unknown_with_the_tag_is_left_alone(account: Account) -> None:
    with pytest.raises(CannotStartError, match="Remove it, or its tag, by hand"):
        leftovers.kind_and_name("arn:aws:rds:eu-central-1:123456789012:db:precious")


def test_a_run_costs_less_than_ten_cents() -> None:
    planned = Counter({"aws_cloudwatch_metric_alarm": 20, "aws_cloudwatch_composite_alarm": 1})
    usual, long = (cost.ceiling(5, long, planned) for long in (False, True))
    assert usual < 0.10 < long < 0.25


def test_without_extras_the_function_imports_no_boto3() -> None:
    assert speed.EXTRAS == route_settings.EXTRAS


def test_the_report_leaves_out_whose_account_it_was() -> None:
    for private in (
        "arn:aws:iam::123456789012:user/kim",
        "123456789012",
        "https://sqs.eu-central-1.amazonaws.com/queue",
        "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live",
        "203.0.113.7",
        "2001:db8:85a3::8a2e:370:7334",
        "AKIAIOSFODNN7EXAMPLE",
        "1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d",
        "a1b2c3d4e5",
    ):
        assert report.clean({"seen": [f"AccessDenied: {private} may not"]}, ["a1b2c3d4e5"]) == {"seen": ["AccessDenied: … may not"]}
    kept = {
        "date": "2026-11-25T04:16Z",
        "seen": "p50 1.02 s, 1005 Client-side close frame status not set (5)",
        "version": "5.100.0",
        "ms": 1795580430661,
    }
    assert report.clean(kept, []) == kept
