"""`terraform validate` as a linter: which warnings count."""

from __future__ import annotations

import json

import pytest

from tools import lint

PLACE = {"range": {"filename": "main.tf", "start": {"line": 7}}}


def found(severity: str, detail: str) -> str:
    diagnostics = [{"severity": severity, "summary": "Argument is deprecated", "detail": detail, **PLACE}]
    return "a warning about the user's configuration\n" + json.dumps({"valid": True, "diagnostics": diagnostics})


@pytest.mark.parametrize("name", ["hash_key", "range_key"])
def test_the_deprecation_that_can_not_be_avoided_is_no_complaint(name: str) -> None:
    assert lint.complaints(found("warning", f"{name} is deprecated. Use key_schema instead.")) == []


def test_any_other_warning_and_every_error_are() -> None:
    assert lint.complaints(found("warning", "name is deprecated.")) == ["warning: Argument is deprecated (main.tf:7): name is deprecated."]
    assert lint.complaints(found("error", "hash_key is deprecated. Use key_schema instead.")) != []


def test_a_terraform_that_says_something_else_is_quoted() -> None:
    assert lint.complaints("killed") == ["killed"]
