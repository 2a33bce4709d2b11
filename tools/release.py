"""`make release-notes VERSION=1.2.3` prints a version's part of CHANGELOG.md, or says what is missing for the release.

The workflow release.yml runs this before it tags.
"""

from __future__ import annotations

import re
import subprocess
import sys

from . import program
from .terraform import REPOSITORY as ROOT

REFERENCE = re.compile(
    r"(?:terraform-aws-websocket-disconnect(?:\.git(?://[\w/-]+)?\?ref=|/\.github/workflows/plan\.yml@)"
    r"|module_ref:\s+(?:type: string\s+default: )?)(?:\"?[0-9a-f]{40}\"? # )?v([^\s\"]+)"
)


def notes(version: str, pages: dict[str, str]) -> str:
    """The version's part of the changelog, without its heading; ends the program with what is missing.

    `pages`: all that may refer to a version, by name.
    """
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        sys.exit(f"{version!r} is not a version: write for example 1.2.3, without a v")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    part = re.search(heading, pages["CHANGELOG.md"], re.DOTALL | re.MULTILINE)
    if not part or not part[1].strip():
        sys.exit(f"CHANGELOG.md has no part '## [{version}] - YYYY-MM-DD': move the entries of [Unreleased] there")
    for name, text in pages.items():
        if others := set(REFERENCE.findall(text)) - {version}:
            sys.exit(f"{name} refers to {', '.join(sorted(others))}: write v{version}")
    return part[1].strip()


def main() -> None:
    parser = program.arguments(__doc__)
    parser.add_argument("version", metavar="VERSION", help="what is released: 1.2.3")
    version = parser.parse_args().version
    listed = subprocess.run(["git", "ls-files", "*.md", "*.tf", "*.yml"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(notes(version, {name: (ROOT / name).read_text() for name in listed.splitlines()}))


if __name__ == "__main__":
    program.run(main)
