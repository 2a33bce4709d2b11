"""The *.tftest.hcl files beside this one, file by file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.matrix import INPUTS, inputs_alone

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.tftest.hcl") if path.name != INPUTS))
def test_terraform_test(name: str, copy: Path, run: Callable[..., str]) -> None:
    for other in (copy / "tests/module").glob("*.tftest.hcl"):
        if other.name != name:
            other.unlink()
    run(copy, "init", "-no-color", "-test-directory=tests/module")
    run(copy, "test", "-no-color", "-test-directory=tests/module")


def test_every_wrong_input_is_refused(tmp_path: Path, run: Callable[..., str]) -> None:
    folder = inputs_alone(FOLDER.parents[1], tmp_path / "inputs")
    run(folder, "init", "-no-color")
    expected = (FOLDER / INPUTS).read_text().count("expect_failures")
    assert f"{expected} passed, 0 failed" in run(folder, "test", "-no-color")
