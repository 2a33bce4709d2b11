"""A release that is not whole is refused before anything is tagged."""

from __future__ import annotations

import pytest

from tools.release import NotReady, notes

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n- A thing.\n\n## [1.2.1] - 2026-01-01\n\n"
CALL = 'source = "git::https://github.com/your-org/terraform-aws-websocket-disconnect.git?ref=v1.2.3"\n'
WAYS_TO_NAME_ANOTHER = [
    CALL.replace("v1.2.3", "v1.2.2"),
    "uses: your-org/terraform-aws-websocket-disconnect/.github/workflows/plan.yml@v1.2.2\n",
    "      module_ref: v1.2.2\n",
    '      module_ref: "0123456789abcdef0123456789abcdef01234567" # v1.2.2\n',
    "      module_ref:\n        type: string\n        default: v1.2.2\n",
]


def test_only_a_version_that_all_files_know_is_released() -> None:
    pages = {"CHANGELOG.md": CHANGELOG, "any.md": CALL}
    assert notes("1.2.3", pages) == "### Added\n- A thing."
    for version in ("", "v1.2.3", "1.2", "1.2.3-rc1", "01.2.3", "1.2.4", "1.2.2\n", "1.2.1"):
        with pytest.raises(NotReady, match=r"is not a version|CHANGELOG\.md has no part"):
            notes(version, pages)
    for other in WAYS_TO_NAME_ANOTHER:
        with pytest.raises(NotReady, match=r"any\.md refers to 1\.2\.2"):
            notes("1.2.3", {**pages, "any.md": CALL + other})
