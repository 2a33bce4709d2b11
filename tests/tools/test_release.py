"""A release that is not whole is refused before anything is tagged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.release import REFERENCE, REFERRING, ROOT, NotReady, notes

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n- A thing.\n\n## [1.2.1] - 2026-01-01\n\n"
CALL = 'source = "git::https://github.com/your-org/terraform-aws-websocket-disconnect.git?ref=v1.2.3"\n'


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    for name in REFERRING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CALL)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_notes_are_the_changelogs_part_about_the_version(ready: Path) -> None:
    assert notes("1.2.3", ready) == "### Added\n- A thing."


@pytest.mark.parametrize("version", ["", "v1.2.3", "1.2", "1.2.3-rc1", "01.2.3", "1.2.4", "1.2.2\n", "1.2.1"])
def test_an_invalid_unlisted_or_empty_version_is_refused(version: str, ready: Path) -> None:
    with pytest.raises(NotReady, match=r"is not a version|CHANGELOG\.md has no part"):
        notes(version, ready)


@pytest.mark.parametrize(
    "other",
    [
        CALL.replace("v1.2.3", "v1.2.2"),
        "uses: your-org/terraform-aws-websocket-disconnect/.github/workflows/plan.yml@v1.2.2\n",
        "      module_ref: v1.2.2\n",
        '      module_ref: "0123456789abcdef0123456789abcdef01234567" # v1.2.2\n',
        "      module_ref:\n        type: string\n        default: v1.2.2\n",
    ],
)
def test_every_way_to_name_a_version_is_read(other: str, ready: Path) -> None:
    for name in REFERRING:
        (ready / name).write_text(CALL + other)
        with pytest.raises(NotReady, match=rf"{name} refers to 1\.2\.2, 1\.2\.3"):
            notes("1.2.3", ready)
        (ready / name).write_text(CALL)


def test_no_page_that_refers_to_a_version_is_forgotten() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md", "*.tf", "*.yml"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert sorted(name for name in listed.splitlines() if REFERENCE.search((ROOT / name).read_text())) == sorted(REFERRING)
