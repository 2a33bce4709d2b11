"""The matrix believes no required_version unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import matrix
from tools.terraform import Program, TerraformError


def test_a_folder_must_refuse_the_versions_that_it_excludes(tmp_path: Path) -> None:
    """Shown on a root that wants version 1.10, by a tool that takes everything but for what its `init` does."""
    (tmp_path / "versions.tf").write_text('terraform {\n  required_version = ">= 1.10"\n}\n')
    tool = tmp_path / "tool"

    def validate(minor: int, init: str) -> str:
        tool.write_text(f'#!/bin/sh\n[ "$1" != init ] || {init}\n')
        tool.chmod(0o755)
        return matrix.Copy(matrix.Tool(f"Terraform 1.{minor}.0", (1, minor), Program(str(tool), {})), tmp_path).validate()

    fails = "{ echo; echo Error: no such provider; exit 1; }"
    assert validate(9, "{ echo Error: Unsupported Terraform Core version; exit 1; }") == "0 of 1 folders; .: need 1.10"
    for minor, init, said in ((9, "exit 0", "accepts a version that"), (9, fails, "no such provider"), (10, fails, "no such provider")):
        with pytest.raises(TerraformError, match=said):
            validate(minor, init)
