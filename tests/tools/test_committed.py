"""Committed files whose mistakes no program that reads them would notice: rights of workflows and planners, versions, releases, costs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from bench import bill, report
from tools.permissions import FOLDER
from tools.release import notes
from tools.terraform import REPOSITORY

WORKFLOWS = sorted([*REPOSITORY.glob(".github/workflows/*.yml"), *REPOSITORY.glob("examples/*/.github/workflows/*.yml")])
PUBLISHING = ("release.yml", "publish")
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n- A thing.\n\n## [1.2.1] - 2026-01-01\n\n"
CALL = 'source = "git::https://github.com/your-org/terraform-aws-websocket-disconnect.git?ref=v1.2.3"\n'
WAYS_TO_NAME_ANOTHER = [
    CALL.replace("v1.2.3", "v1.2.2"),
    "uses: your-org/terraform-aws-websocket-disconnect/.github/workflows/plan.yml@v1.2.2\n",
    "      module_ref: v1.2.2\n",
    '      module_ref: "0123456789abcdef0123456789abcdef01234567" # v1.2.2\n',
    "      module_ref:\n        type: string\n        default: v1.2.2\n",
]


@pytest.mark.parametrize("path", WORKFLOWS, ids=[str(path.relative_to(REPOSITORY)) for path in WORKFLOWS])
def test_a_workflow_gives_code_of_others_no_rights(path: Path) -> None:
    """It is pinned to a commit, finds no token, and may only read. What publishes runs nothing but this repository's own code."""
    workflow = yaml.safe_load(path.read_text())
    used = re.findall(r"^[\s-]*uses: ([^./]\S*)", path.read_text(), re.MULTILINE)
    used += [f"module@{job['with']['module_ref']}" for job in workflow["jobs"].values() if "module_ref" in job.get("with", {})]
    assert [name for name in used if not re.search(r"@([0-9a-f]{40}$|\$\{\{)", name)] == []
    for name, job in workflow["jobs"].items():
        checkouts = [step for step in job.get("steps", []) if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        rights = job.get("permissions", workflow.get("permissions"))
        assert rights, "GitHub's default may be to write"
        if set(rights.values()) != {"read"} and (path.name, name) != PUBLISHING:
            assert not checkouts


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


def test_whoever_plans_may_only_read() -> None:
    statements = json.loads((FOLDER / "plan.json").read_text())["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert {action for action in actions if not re.match(r"\w+:(Describe|Get|List|GET)", action)} == {"kms:Decrypt"}


def test_unfit_terraform_and_provider_versions_are_refused() -> None:
    roots = [
        path for top in ("envs", "examples") for path in REPOSITORY.glob(f"{top}/**/versions.tf") if "use_lockfile" in path.read_text()
    ]
    assert ['required_version = ">= 1.10"' in path.read_text() for path in roots] == [True] * 4
    mains = [path for path in REPOSITORY.glob("modules/*/main.tf") if "global_secondary_index" in path.read_text()]
    excluded = [re.findall(r"!= ([\d.]+)", path.with_name("versions.tf").read_text()) for path in mains]
    assert [(versions[0], versions[-1], len(versions)) for versions in excluded] == [("6.29.0", "6.40.0", 14)] * 2


def test_only_a_version_that_all_files_know_is_released() -> None:
    pages = {"CHANGELOG.md": CHANGELOG, "any.md": CALL}
    assert notes("1.2.3", pages) == "### Added\n- A thing."
    for version in ("", "v1.2.3", "1.2", "1.2.3-rc1", "01.2.3", "1.2.4", "1.2.2\n", "1.2.1"):
        with pytest.raises(SystemExit, match=r"is not a version|CHANGELOG\.md has no part"):
            notes(version, pages)
    for other in WAYS_TO_NAME_ANOTHER:
        with pytest.raises(SystemExit, match=r"any\.md refers to 1\.2\.2"):
            notes("1.2.3", {**pages, "any.md": CALL + other})


def test_the_committed_bill_is_what_its_program_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(report, "save", written.__setitem__)
    bill.main()
    assert len(written) == 3
    assert {name: Path(report.RESULTS, name).read_text() for name in written} == written
