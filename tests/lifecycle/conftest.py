"""The three environments, applied as they are, side by side on one local AWS, each by a user who has the policies of docs/permissions and
what its folder needs besides. The provider mostly waits, so all at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import pytest

from local.aws import REPOSITORY, LocalAws, local_aws
from tests.provider import kept_provider
from tools.deployment import Deployment
from tools.permissions import ACCOUNT, FOLDER, User, filled
from tools.stack import STATE_BUCKET, TABLES, Stack
from tools.terraform import Root

STATE = f"arn:aws:s3:::{STATE_BUCKET}"
STATE_AND_LOOKUP = [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": STATE},
    {"Effect": "Allow", "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], "Resource": f"{STATE}/websocket-connections/*"},
    {"Effect": "Allow", "Action": "apigateway:GET", "Resource": ["arn:aws:apigateway:*::/apis", "arn:aws:apigateway:*::/apis/*"]},
]


def root_for(stack: Stack, name: str, *policies: str) -> Root:
    """The env folder, run by a user of this name with these policies of docs/permissions."""
    own = json.dumps({"Version": "2012-10-17", "Statement": STATE_AND_LOOKUP})
    user = User(stack.aws, f"{name}-{stack.env_name}", *(filled_for(stack, policy) for policy in policies), own)
    return Root(REPOSITORY / "envs" / stack.env_name, user.environment, stack.aws.folder / stack.env_name / "env")


def filled_for(stack: Stack, policy: str) -> str:
    names = {"NAME": f"security-events-{stack.env_name}", "TABLE": TABLES[stack.env_name]}
    names |= {"RELATED": "none", "API_ID": "*", "KEY_ID": "none"}
    return filled((FOLDER / f"{policy}.json").read_text(), **names)


def on_call(stack: Stack) -> Callable[[str], Any]:
    """Clients, by their service, of a role that the env names as an operator, with docs/permissions/on-call.json."""
    iam = stack.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="on-call", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.put_role_policy(RoleName="on-call", PolicyName="on-call", PolicyDocument=filled_for(stack, "on-call"))
    role = f"arn:aws:iam::{ACCOUNT}:role/on-call"
    keys = stack.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
    names = {"aws_access_key_id": "AccessKeyId", "aws_secret_access_key": "SecretAccessKey", "aws_session_token": "SessionToken"}
    return partial(stack.aws.client, **{name: keys[key] for name, key in names.items()})


def dismiss_on_call(aws: LocalAws) -> None:
    """Deletes the role, if a test made it."""
    iam = aws.client("iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName="on-call", PolicyName="on-call")
        iam.delete_role(RoleName="on-call")


def connected(on: Deployment) -> set[str]:
    """The names of the clients in the table."""
    return {record["clientId"]["S"] for record in on.records()}


@pytest.fixture(scope="session")
def lifecycle_aws() -> Iterator[LocalAws]:
    with local_aws() as aws:
        yield aws


@pytest.fixture(scope="session")
def applied(lifecycle_aws: LocalAws) -> Iterator[dict[str, Stack]]:
    """Every environment by its name."""
    stacks = {name: Stack(lifecycle_aws, name) for name in TABLES}
    for stack in stacks.values():
        stack.root = root_for(stack, "deployer", "plan", "apply")
        stack.init()
    with ExitStack() as providers, ThreadPoolExecutor(len(stacks)) as pool:
        providers.enter_context(kept_provider(*(stack.platform for stack in stacks.values())))
        for stack in stacks.values():
            stack.platform.apply()
            providers.enter_context(kept_provider(stack.root))
        list(pool.map(lambda stack: stack.root.apply(), stacks.values()))
        yield stacks


@pytest.fixture
def stacks(applied: dict[str, Stack], lifecycle_aws: LocalAws) -> Iterator[dict[str, Stack]]:
    lifecycle_aws.faults.clear()
    yield applied
    lifecycle_aws.faults.clear()
