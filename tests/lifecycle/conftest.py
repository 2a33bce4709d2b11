"""The three environments, applied as they are, side by side on one local AWS, each by a user who has the policies of docs/permissions and
what its folder needs besides. The provider mostly waits, so all at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.aws import REPOSITORY, LocalAws, local_aws
from tools.permissions import FOLDER, User, filled
from tools.stack import STATE_BUCKET, TABLES, Stack
from tools.terraform import Root

STATE = f"arn:aws:s3:::{STATE_BUCKET}"
STATE_AND_LOOKUP = [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": STATE},
    {"Effect": "Allow", "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], "Resource": f"{STATE}/websocket-connections/*"},
    {"Effect": "Allow", "Action": "apigateway:GET", "Resource": ["arn:aws:apigateway:*::/apis", "arn:aws:apigateway:*::/apis/*"]},
]


def let_deployer_apply(stack: Stack) -> None:
    names = {"NAME": f"history-{stack.env_name}", "TABLE": TABLES[stack.env_name], "RELATED": "none", "API_ID": "*", "KEY_ID": "none"}
    policies = [filled((FOLDER / f"{name}.json").read_text(), **names) for name in ("plan", "apply")]
    own = json.dumps({"Version": "2012-10-17", "Statement": STATE_AND_LOOKUP})
    deployer = User(stack.aws, f"deployer-{stack.env_name}", *policies, own)
    stack.root = Root(REPOSITORY / "envs" / stack.env_name, deployer.environment, stack.aws.folder / stack.env_name / "env")


@pytest.fixture(scope="session")
def lifecycle_aws() -> Iterator[LocalAws]:
    with local_aws() as aws:
        yield aws


@pytest.fixture(scope="session")
def applied(lifecycle_aws: LocalAws) -> dict[str, Stack]:
    """Every environment by its name."""
    stacks = {name: Stack(lifecycle_aws, name) for name in TABLES}
    for stack in stacks.values():
        let_deployer_apply(stack)
        stack.init()
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(Stack.apply, stacks.values()))
    return stacks


@pytest.fixture
def stacks(applied: dict[str, Stack], lifecycle_aws: LocalAws) -> Iterator[dict[str, Stack]]:
    lifecycle_aws.faults.clear()
    yield applied
    lifecycle_aws.faults.clear()
