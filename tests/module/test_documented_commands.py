"""Each command in README, CONTRIBUTING and docs/ is run by a test, or CONTRIBUTING.md says why no test runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import bill, report

from .calls import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bmake (?:[A-Z]+=\S+ )*[a-z][a-z-]+|python3? -m [\w.]+")
OTHER_COMMAND = re.compile(r"^ *(?:aws|git|terraform|tofu) ", re.MULTILINE)  # named by their page
ROW = re.compile(r"^\| ((?:`[^`]+`(?:, )?)+) \| (.+) \|$", re.MULTILINE)
# Command or page -> the test or workflow that runs it, and words that show it.
RUN_BY = {
    "make check": (".github/workflows/plan.yml", "make -C module check"),
    "make demo": ("tests/lifecycle/test_demo.py", '"tools.demo"'),
    "make docs": ("tools/lint.py", '"tools.docs", "--check"'),
    "make lint": (".github/workflows/ci.yml", "make lint"),
    "make matrix": (".github/workflows/ci.yml", "make -s matrix"),
    "make package": (".github/workflows/release.yml", "tools.package --check"),
    "make permissions": (".github/workflows/ci.yml", "make permissions CHECK=1"),
    "make plan": ("tests/tools/test_plan.py", '"tools.plan"'),
    "make prove": ("tests/lifecycle/test_proof.py", '"tools.prove"'),
    "make release-notes": (".github/workflows/release.yml", "make -s release-notes"),
    "make test": (".github/workflows/ci.yml", "make test"),
    "python -m bench.bill": ("tests/module/test_documented_commands.py", "bill.main()"),
    "python -m pytest": (".github/workflows/ci.yml", "make test"),
    "python -m tools.package": (".github/workflows/release.yml", "tools.package --check"),
    "python -m tools.watch": ("tests/tools/test_watch.py", "tools.watch"),
    "docs/failed-apply.md": ("tests/lifecycle/test_half_made.py", "docs/failed-apply.md"),
    "docs/operations.md": ("tests/lifecycle/test_runbook.py", 'commands("operations.md")'),
    "docs/personal-data.md": ("tests/local/test_erasing.py", 'commands("personal-data.md")'),
}


def documented() -> set[str]:
    found = set()
    for page in PAGES:
        text = page.read_text()
        blocks = "".join(block for language, block in BLOCK.findall(text) if language in ("", "sh"))
        spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        for command in COMMAND.findall("\n".join([re.sub(" #.*", "", blocks), *spans])):
            found.add(re.sub(r"[A-Z]+=\S+ ", "", command).replace("python3", "python"))
        if OTHER_COMMAND.search(blocks):
            found.add(str(page.relative_to(REPOSITORY)))
    return found


def not_run() -> dict[str, str]:
    """The rows of CONTRIBUTING.md: command or page, and why no test runs it."""
    section = (REPOSITORY / "CONTRIBUTING.md").read_text().split("\n### Commands that no test runs\n")[1].split("\n#")[0]
    return {command: reason for commands, reason in ROW.findall(section) for command in re.findall("`([^`]+)`", commands)}


def test_each_documented_command_is_run_or_excused() -> None:
    assert documented() == RUN_BY.keys() | not_run().keys()
    assert RUN_BY.keys() & not_run().keys() == set()


@pytest.mark.parametrize("command", RUN_BY)
def test_what_runs_a_command_names_it(command: str) -> None:
    file, words = RUN_BY[command]
    assert words in (REPOSITORY / file).read_text()


def test_the_committed_bill_is_what_its_program_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(report, "save", written.__setitem__)
    bill.main()
    assert len(written) == 3
    assert {name: Path(report.RESULTS, name).read_text() for name in written} == written
