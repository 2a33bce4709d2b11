"""What runs foreign code may write nothing; what publishes runs none; nothing of others is pinned by a name that can be moved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tools.package import ROOT

WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/*/.github/workflows/*.yml")])
PUBLISHING = ("release.yml", "publish")
every_workflow = pytest.mark.parametrize(
    "workflow",
    [yaml.safe_load(path.read_text()) | {"file": path} for path in WORKFLOWS],
    ids=[str(path.relative_to(ROOT)) for path in WORKFLOWS],
)


def steps(job: dict[str, Any], action: str) -> Iterator[dict[str, Any]]:
    yield from (step for step in job.get("steps", []) if step.get("uses", "").startswith(action))


@every_workflow
def test_whoever_checks_out_leaves_no_token_behind(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert all(step["with"]["persist-credentials"] is False for step in steps(job, "actions/checkout@"))


@every_workflow
def test_what_others_wrote_is_pinned_to_a_commit(workflow: dict[str, Any]) -> None:
    used = re.findall(r"^[\s-]*uses: ([^./]\S*)", workflow["file"].read_text(), re.MULTILINE)
    used += [f"module@{job['with']['module_ref']}" for job in workflow["jobs"].values() if "module_ref" in job.get("with", {})]
    assert [name for name in used if not re.search(r"@([0-9a-f]{40}$|\$\{\{)", name)] == []


@every_workflow
def test_only_what_runs_no_code_of_a_checkout_may_write(workflow: dict[str, Any]) -> None:
    for name, job in workflow["jobs"].items():
        rights = job.get("permissions", workflow.get("permissions"))
        assert rights, "GitHub's default may be to write"
        if set(rights.values()) != {"read"} and (workflow["file"].name, name) != PUBLISHING:
            assert not list(steps(job, "actions/checkout@"))


def test_what_is_published_was_rebuilt_on_a_fresh_checkout() -> None:
    [job] = [yaml.safe_load(path.read_text())["jobs"][PUBLISHING[1]] for path in WORKFLOWS if path.name == PUBLISHING[0]]
    assert job["needs"] == "test"
    kinds = [step.get("uses", step.get("run", "")).partition("@")[0] for step in job["steps"]]
    assert [kind.split("\n")[0].split(' "')[0] for kind in kinds] == [
        "actions/checkout",
        "python3 -m tools.package --check",
        "actions/attest-build-provenance",
        "gh release create",
    ]
