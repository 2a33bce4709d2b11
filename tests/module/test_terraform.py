"""The *.tftest.hcl files beside this one, file by file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
INPUTS = "refusals.tftest.hcl"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.tftest.hcl") if path.name != INPUTS))
def test_terraform_test(name: str, copy: Path, run: Callable[..., str]) -> None:
    for other in (copy / "tests/module").glob("*.tftest.hcl"):
        if other.name != name:
            other.unlink()
    run(copy, "init", "-no-color", "-test-directory=tests/module")
    run(copy, "test", "-no-color", "-test-directory=tests/module")


def test_every_wrong_input_is_refused(tmp_path: Path, run: Callable[..., str]) -> None:
    """Validations need variables.tf alone: without resources there is no provider to start, which would take a second a run."""
    shutil.copy(FOLDER.parents[1] / "variables.tf", tmp_path)
    tests = re.sub(r'mock_provider "aws" \{.*?\n\}\n', "", (FOLDER / INPUTS).read_text(), flags=re.DOTALL)
    (tmp_path / INPUTS).write_text(tests)
    run(tmp_path, "init", "-no-color")
    assert f"{tests.count('expect_failures')} passed, 0 failed" in run(tmp_path, "test", "-no-color")
