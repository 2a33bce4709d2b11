"""The *.tftest.hcl files beside this one, file by file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.tftest.hcl")))
def test_terraform_test(name: str, copy: Path, run: Callable[..., str]) -> None:
    for other in (copy / "tests/module").glob("*.tftest.hcl"):
        if other.name != name:
            other.unlink()
    run(copy, "init", "-no-color", "-test-directory=tests/module")
    run(copy, "test", "-no-color", "-test-directory=tests/module")
