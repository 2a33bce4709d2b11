"""`make lint` and `make check` overlook nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import fields, lint
from tools.installed import UnavailableError
from tools.terraform import REPOSITORY


def test_only_an_unavoidable_deprecation_is_no_complaint() -> None:
    place = {"range": {"filename": "main.tf", "start": {"line": 7}}}
    for severity, detail, complains in (
        ("warning", "hash_key is deprecated. Use key_schema instead.", False),
        ("warning", "name is deprecated.", True),
        ("error", "hash_key is deprecated. Use key_schema instead.", True),
    ):
        found = {"diagnostics": [{"severity": severity, "summary": "Argument is deprecated", "detail": detail, **place}]}
        said = [f"{severity}: Argument is deprecated (main.tf:7): {detail}"]
        assert lint.complaints(json.dumps(found)) == (said if complains else [])
    assert lint.complaints("killed") == ["killed"]


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_missing_linter_fails_in_ci_alone(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    def missing() -> str:
        raise UnavailableError("install it")

    monkeypatch.setattr(lint, "tflint_binary", missing)
    monkeypatch.setenv("CI", ci)
    assert lint.tflint() == (False if ci else None, "install it")


@pytest.mark.parametrize("source", [str(REPOSITORY), "git::https://example.com/terraform-aws-websocket-disconnect.git?ref=v1.0.0"])
def test_unknown_fields_of_a_call_are_named(source: str, tmp_path: Path) -> None:
    complaints = {
        'function = { environment = { ANY = "thing" } }\nhistory = var.history': "",
        "sweep = { prob = {} }": "sweep.prob is unknown, and ignored: did you mean probe?",
        "sweep = { probe = { per_secnd = 10 } }": "sweep.probe.per_secnd is unknown, and ignored: did you mean per_second?",
        'related_tables = [{ name = "rooms", "idx" = 1 }]': "related_tables.idx is unknown, and ignored: did you mean index?",
        "retry_queue = { zzz = 1 }": "there are enabled, max_receive_count, maximum_concurrency, operators",
    }
    for inputs, complaint in complaints.items():
        (tmp_path / "main.tf").write_text(f'module "it" {{\n  source = "{source}"\n{inputs}\n}}\n')
        found = fields.unknown(tmp_path)
        assert (len(found) == 1 and complaint in found[0]) if complaint else found == []
        assert lint.module_fields(tmp_path)[0] is not bool(complaint)


def test_our_own_calls_have_known_fields_only() -> None:
    calls = [folder for top in ("envs", "examples") for folder in (REPOSITORY / top).glob("**/") if any(folder.glob("*.tf"))]
    assert len(calls) > 5
    assert {str(folder): found for folder in calls if (found := fields.unknown(folder))} == {}
