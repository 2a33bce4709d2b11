"""The committed zip is what function/ says, or nothing is planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.terraform import TerraformError


def refused(plan: Callable[..., Any], copy: Path) -> None:
    with pytest.raises(TerraformError, match=r"run `make\s+package`\s+and\s+commit\s+dist/"):
        plan(module=copy)


def test_a_changed_source_without_a_rebuilt_zip_is_refused(plan: Callable[..., Any], copy: Path) -> None:
    with (copy / "function/disconnect.py").open("a") as source:
        source.write("# changed\n")
    refused(plan, copy)


def test_a_new_source_without_a_rebuilt_zip_is_refused(plan: Callable[..., Any], copy: Path) -> None:
    (copy / "function/new.py").write_text("")
    refused(plan, copy)


def test_a_zip_that_is_not_the_manifests_is_refused(plan: Callable[..., Any], copy: Path) -> None:
    with (copy / "dist/function.zip").open("ab") as archive:
        archive.write(b"\0")
    refused(plan, copy)


def test_a_package_of_ones_own_answers_for_itself(plan: Callable[..., Any], copy: Path) -> None:
    (copy / "function/new.py").write_text("")
    planned = plan('function = { package = { s3 = { bucket = "packages", key = "disconnect.zip" } } }', module=copy)
    assert planned["module.disconnect.aws_lambda_function.this"]["s3_key"] == "disconnect.zip"
