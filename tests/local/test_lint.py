"""`make lint` and `make check`: which warnings count, which fields are unknown, and what is said of a linter that is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import fields, lint, tflint
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


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("sweep = { prob = {} }", "sweep.prob is unknown, and ignored: did you mean probe?"),
        ("sweep = { probe = { per_secnd = 10 } }", "sweep.probe.per_secnd is unknown, and ignored: did you mean per_second?"),
        ("monitoring = { alarm_action = [var.topic] }", "monitoring.alarm_action is unknown, and ignored: did you mean alarm_actions?"),
        ('related_tables = [{ name = "rooms", "idx" = 1 }]', "related_tables.idx is unknown, and ignored: did you mean index?"),
        ("retry_queue = { zzz = 1 }", "there are enabled, max_receive_count, maximum_concurrency, operators"),
        ('function = { environment = { ANY = "thing" } }\nhistory = var.history', ""),
    ],
)
@pytest.mark.parametrize("source", [str(REPOSITORY), "git::https://example.com/terraform-aws-websocket-disconnect.git?ref=v1.0.0"])
def test_unknown_fields_of_a_call_are_named(source: str, inputs: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(f'module "it" {{\n  source = "{source}"\n{inputs}\n}}\n')
    found = fields.unknown(tmp_path)
    assert found == [] if not expected else len(found) == 1 and expected in found[0]
    assert lint.module_fields(tmp_path)[0] is not bool(expected)


def test_our_own_calls_have_known_fields_only() -> None:
    calls = [folder for top in ("envs", "examples") for folder in (REPOSITORY / top).glob("**/") if any(folder.glob("*.tf"))]
    assert len(calls) > 5
    assert {str(folder): found for folder in calls if (found := fields.unknown(folder))} == {}
