"""`make lint` and `make check`: which warnings of `terraform validate` count, and what is said of a linter that is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import lint, tflint
from tools.terraform import REPOSITORY

PLACE = {"range": {"filename": "main.tf", "start": {"line": 7}}}


def found(severity: str, detail: str) -> str:
    diagnostics = [{"severity": severity, "summary": "Argument is deprecated", "detail": detail, **PLACE}]
    return "a warning about the user's configuration\n" + json.dumps({"valid": True, "diagnostics": diagnostics})


@pytest.mark.parametrize("name", ["hash_key", "range_key"])
def test_an_unavoidable_deprecation_is_no_complaint(name: str) -> None:
    assert lint.complaints(found("warning", f"{name} is deprecated. Use key_schema instead.")) == []


def test_any_other_warning_and_every_error_are() -> None:
    assert lint.complaints(found("warning", "name is deprecated.")) == ["warning: Argument is deprecated (main.tf:7): name is deprecated."]
    assert lint.complaints(found("error", "hash_key is deprecated. Use key_schema instead.")) != []


def test_a_terraform_that_says_something_else_is_quoted() -> None:
    assert lint.complaints("killed") == ["killed"]


def test_a_linter_that_is_missing_does_not_count_as_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")  # neither tflint nor Go
    monkeypatch.setattr(tflint, "CACHE", tmp_path)
    monkeypatch.setattr(lint, "linters", lambda folder: {"fmt": lambda: (True, ""), "tflint": lambda: lint.tflint_rules(folder)})
    monkeypatch.setattr(sys, "argv", ["lint", str(tmp_path)])
    assert lint.main() == 0
    assert "1 linters passed; not run: tflint" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_an_error_in_words() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.lint", "nosuch"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, "there is no folder nosuch" in done.stderr) == (2, True)
