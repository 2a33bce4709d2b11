"""A release that is not whole is refused before anything is tagged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.release import REFERENCE, REFERRING, ROOT, NotReady, notes

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n- A thing.\n\n## [1.2.1] - 2026-01-01\n\n"
CALL = 'source = "git::https://github.com/your-org/terraform-aws-websocket-disconnect.git?ref=v1.2.3"\n'
WAYS_TO_NAME_ANOTHER = [
    CALL.replace("v1.2.3", "v1.2.2"),
    "uses: your-org/terraform-aws-websocket-disconnect/.github/workflows/plan.yml@v1.2.2\n",
    "      module_ref: v1.2.2\n",
    '      module_ref: "0123456789abcdef0123456789abcdef01234567" # v1.2.2\n',
    "      module_ref:\n        type: string\n        default: v1.2.2\n",
]


def test_only_a_version_that_all_files_know_is_released(tmp_path: Path) -> None:
    for name in REFERRING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CALL)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    assert notes("1.2.3", tmp_path) == "### Added\n- A thing."
    for version in ("", "v1.2.3", "1.2", "1.2.3-rc1", "01.2.3", "1.2.4", "1.2.2\n", "1.2.1"):
        with pytest.raises(NotReady, match=r"is not a version|CHANGELOG\.md has no part"):
            notes(version, tmp_path)
    for other in WAYS_TO_NAME_ANOTHER:
        (tmp_path / REFERRING[0]).write_text(CALL + other)
        with pytest.raises(NotReady, match=rf"{REFERRING[0]} refers to 1\.2\.2, 1\.2\.3"):
            notes("1.2.3", tmp_path)


def test_no_page_that_refers_to_a_version_is_forgotten() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md", "*.tf", "*.yml"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert sorted(name for name in listed.splitlines() if REFERENCE.search((ROOT / name).read_text())) == sorted(REFERRING)
