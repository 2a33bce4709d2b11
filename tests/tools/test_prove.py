"""`make prove`: it begins nothing unasked, removes its own and nothing else, costs little, and its report says nothing private.

tests/lifecycle/test_proof.py runs it.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import route_settings

from local.aws import LocalAws
from tests.local.conftest import policy
from tools import program
from tools.acts import speed
from tools.acts.trial import Trial
from tools.deployment import Deployment
from tools.prove import cost, leftovers, report, run
from tools.prove.__main__ import main, options
from tools.prove.account import Account, CannotStartError
from tools.prove.proof import Proof
from tools.terraform import REPOSITORY

RUN = ("0123abcd", "2026-11-25T00:00:00Z")


@pytest.fixture
def account(aws: LocalAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """Of the local AWS, with no run on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["prove"])
    monkeypatch.setattr(run, "FOLDERS", tmp_path)
    return Account.of_environment()


def there(account: Account) -> list[str]:
    return [str(thing) for thing in leftovers.find(account)]


def test_only_1_true_and_yes_mean_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From what is given to make to what the program takes; nor is a misspelt option taken for another."""
    command = [shutil.which("make") or "make", "--no-print-directory", "-n", "prove", "YES=no", "LOCAL=false", "LONG=0"]
    given = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
    handed_on = [word for word in shlex.split(given) if word.startswith("--")]
    assert handed_on == ["--long=0", "--yes=no", "--local=false"]
    for refused in (*handed_on, "--yes=", "--ye"):
        monkeypatch.setattr(sys, "argv", ["prove", refused])
        with pytest.raises(SystemExit):
            options()
    for meant in ("--yes", "--yes=1", "--yes=true", "--yes=YES"):
        monkeypatch.setattr(sys, "argv", ["prove", meant])
        assert options().yes is True
    monkeypatch.setattr(sys, "argv", ["docs", "--chek"])
    with pytest.raises(SystemExit):
        program.generate("Writes.", "make docs", dict)


def test_it_says_what_it_would_do_and_asks_first(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def resources() -> list[Any]:
        return [account.client("dynamodb").list_tables()["TableNames"], account.client("apigatewayv2").get_apis()["Items"]]

    before = resources()
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert main() == 2
    said = "Account 000000000000, region ap-northeast-2.* 1 aws_apigatewayv2_api.*costs at most 0.0.*Go on?.*Nothing was created"
    assert re.search(said, capsys.readouterr().out, re.DOTALL)
    assert resources() == before
    assert not list(run.FOLDERS.glob("*"))


@pytest.mark.parametrize(
    ("hours", "yes", "removed"),
    [(5, True, True), (5, False, False), (1, True, False)],
    ids=["over", "nobody agrees", "may be under way elsewhere"],
)
def test_what_a_run_on_another_machine_left(
    account: Account, monkeypatch: pytest.MonkeyPatch, hours: int, yes: bool, removed: bool
) -> None:
    """It stays in doubt, and is found by its tag alone."""
    tags = {leftovers.TAG: RUN[0], leftovers.STARTED: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600 * hours))}
    sqs, iam, role = account.client("sqs"), account.client("iam"), {"RoleName": "wsproof-0123abcd-sweep"}
    sqs.create_queue(QueueName="wsproof-0123abcd-retry", tags=tags)
    nothing = policy({"Effect": "Deny", "Action": "*", "Resource": "*"})
    iam.create_role(**role, AssumeRolePolicyDocument=nothing, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    iam.put_role_policy(**role, PolicyName="any", PolicyDocument=nothing)
    others = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("wsproof-0123abcd-other", "wsproof-another")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with nullcontext() if removed else pytest.raises(CannotStartError, match="No proof can start"):
        run.clean_up(account, yes)
    assert there(account) == ([] if removed else ["queue wsproof-0123abcd-retry", "role wsproof-0123abcd-sweep"])
    assert set(others) <= set(sqs.list_queues()["QueueUrls"])
    for thing in leftovers.find(account):
        leftovers.remove(account, thing)


def test_something_unknown_with_the_tag_is_left_alone() -> None:
    with pytest.raises(CannotStartError, match="Remove it, or its tag, by hand"):
        leftovers.kind_and_name("arn:aws:rds:eu-central-1:123456789012:db:precious")


def test_what_something_else_uses_is_removed_after_it(account: Account) -> None:
    cloudwatch, tags = account.client("cloudwatch"), [{"Key": leftovers.TAG, "Value": RUN[0]}]
    when = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
    cloudwatch.put_metric_alarm(AlarmName="wsproof-0123abcd-a", ComparisonOperator="GreaterThanThreshold", **when, Tags=tags)
    cloudwatch.put_composite_alarm(AlarmName="wsproof-0123abcd-b", AlarmRule='ALARM("wsproof-0123abcd-a")', Tags=tags)
    left = run.Run(account, *RUN).destroy()
    assert {str(thing) for thing in left} == {"alarm wsproof-0123abcd-a", "alarm wsproof-0123abcd-b"}
    assert there(account) == []


def test_nothing_begins_beside_a_run_that_is_under_way(account: Account) -> None:
    other = run.Run(account)
    other.folder.mkdir()  # its own, in the folder of all runs
    other.note()
    with (other.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotStartError, match="is running on this machine"):
            run.clean_up(account, yes=True)
    run.clean_up(account, yes=True)
    assert not other.folder.exists()


def test_an_interrupted_run_destroys_what_it_has_made(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a queue that the interrupted Terraform does not know of."""
    this = run.Run(account, *RUN)

    def apply() -> None:
        account.client("sqs").create_queue(QueueName=f"{this.name}-retry", tags={leftovers.TAG: this.id})
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(this, "root", SimpleNamespace(apply=apply))
    proof = Proof(this)
    assert proof.run_and_report(57, 0.05) == 130
    assert there(account) == []
    assert "removed by their tag" in proof.outcome["destroyed"][1]
    assert len(list(tmp_path.glob("proof-*"))) == 2


def test_a_run_costs_less_than_ten_cents() -> None:
    planned = Counter({"aws_cloudwatch_metric_alarm": 20, "aws_cloudwatch_composite_alarm": 1})
    usual, long = (cost.ceiling(5, long, planned) for long in (False, True))
    assert usual < 0.10 < long < 0.25


def test_what_broke_once_stays_broken() -> None:
    """And an act that fails keeps no other from its turn."""

    def fails(trial: Trial) -> None:
        raise ValueError("no")

    trial = Trial(cast("Deployment", None))
    trial.saw("gone", False, "first")
    trial.take({"first": fails, "second": lambda trial: trial.saw("served", False, ""), "third": lambda trial: trial.saw("gone", True, "")})
    assert trial.broken == [f"{trial.claims['gone'].says}: first", f"{trial.claims['served'].says}: ", "first: ValueError: no"]


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
    kept = {"date": "2026-11-25T04:16Z", "seen": "p50 1.02 s, 1005 Client-side close frame (5)", "version": "5.100.0", "ms": 1795580430661}
    assert report.clean(kept, []) == kept
