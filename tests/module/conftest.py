"""Plans without a network, of the calls in calls.py.

One plan has many calls, and one provider process serves all plans, since it takes longer to start than a plan.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.fault_proxy import FaultProxy
from tests.provider import FOR_LARGE_PLANS, kept_provider
from tools.terraform import Program, Root

from .calls import CALLS, CLONE, LATER_RESOURCE, OUTPUTS, PLANNED, PROVIDER, REPOSITORY, SWEPT, Call, mocked, readme

Resources = dict[str, dict[str, Any]]  # address within the module -> planned values
Plans = dict[str, Resources]  # by call
ROOT = """terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""
TRIED = os.environ.get("MATRIX_PROGRAM")  # what `make matrix` tries


def account(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """STS, whose GetCallerIdentity is the one call of an offline plan."""
    result = "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>"
    return 200, [], f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>".encode()


def offline_root(folder: Path, **variables: str) -> Root:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    root = Root(folder, {**own, **variables}, folder / ".terraform")
    if TRIED:
        root.program = Program(TRIED, FOR_LARGE_PLANS)
    return root


@pytest.fixture(scope="session")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Root]]:
    """A root folder with these calls, initialised."""
    with ExitStack() as until_the_end:
        server = until_the_end.enter_context(FaultProxy(account))
        programs: list[Program | None] = []

        def written(calls: dict[str, Call], more: str = "", test: str = "") -> Root:
            folder = tmp_path_factory.mktemp("consumer")
            (folder / CLONE).symlink_to(REPOSITORY)
            blocks = (call.block(name) for name, call in calls.items())
            (folder / "main.tf").write_text("".join([ROOT, LATER_RESOURCE, more, *blocks]))
            (folder / "all.tftest.hcl").write_text(test)
            root = offline_root(folder, AWS_ENDPOINT_URL_STS=server.url)
            root.init()
            if not TRIED and not programs:
                until_the_end.enter_context(kept_provider(root))
                programs.append(root.program)
            root.program = programs[0] if programs else root.program
            return root

        yield written


@pytest.fixture(scope="session")
def planned(consumer: Callable[..., Root], tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """What the provider plans for calls, and for what README shows."""
    file = tmp_path_factory.mktemp("plan") / "plan"
    root = consumer(PLANNED, PROVIDER + readme())
    root.plan(file)
    return by_call(json.loads(root.show(file, "-json")))


@pytest.fixture(scope="session")
def known(consumer: Callable[..., Root]) -> Plans:
    """What is planned where the provider answers with all ARNs and URLs at plan time."""
    calls = CALLS | SWEPT
    test = mocked() + "".join(call.overrides(name) for name, call in calls.items()) + 'run "all" {\n  command = plan\n}\n'
    outputs = "".join(f'output "{name}" {{\n  value = module.{name}.{output}\n}}\n' for name, output in OUTPUTS.items())
    messages = map(json.loads, consumer(calls, outputs, test).run("test", "-json", "-verbose").splitlines())
    return by_call(next(message["test_plan"] for message in messages if message["type"] == "test_plan"))


def by_call(plan: dict[str, Any]) -> Plans:
    found: Plans = {}
    for change in plan["resource_changes"]:
        if "module_address" in change:
            _, call, address = change["address"].split(".", 2)
            found.setdefault(call, {})[address] = change["change"]["after"]
    for call, change in plan.get("output_changes", {}).items():
        found[call][f"output.{OUTPUTS[call]}"] = change["after"]
    return found
