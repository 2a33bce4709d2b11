"""`make lint` and `make check`: which warnings count, which fields are unknown, and how tflint is found, built or reported missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import fields, lint
from tools.deployment import until
from tools.terraform import REPOSITORY

# Writes where Go would, and notes its folders and flags.
GO = """#!/bin/sh
for folder in "$GOPATH" "$GOMODCACHE" "$GOCACHE"; do mkdir -p "$folder/large"; echo "$folder" >> "{seen}"; done
echo "$GOFLAGS" > "{seen}.flags"
printf '#!/bin/sh\\necho TFLint version {version}\\n' > "$GOBIN/tflint"
chmod +x "$GOBIN/tflint"
"""


@pytest.mark.parametrize(
    ("severity", "detail", "complaint"),
    [
        ("warning", "hash_key is deprecated. Use key_schema instead.", ""),
        ("warning", "range_key is deprecated. Use key_schema instead.", ""),
        ("warning", "name is deprecated.", "warning: Argument is deprecated (main.tf:7): name is deprecated."),
        ("error", "hash_key is deprecated.", "error: Argument is deprecated (main.tf:7): hash_key is deprecated."),
    ],
)
def test_only_an_unavoidable_deprecation_is_no_complaint(severity: str, detail: str, complaint: str) -> None:
    place = {"range": {"filename": "main.tf", "start": {"line": 7}}}
    found = {"valid": True, "diagnostics": [{"severity": severity, "summary": "Argument is deprecated", "detail": detail, **place}]}
    assert lint.complaints("a warning about the user's configuration\n" + json.dumps(found)) == ([complaint] if complaint else [])


def test_a_terraform_that_says_something_else_is_quoted() -> None:
    assert lint.complaints("killed") == ["killed"]


def test_a_linter_that_is_missing_does_not_count_as_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")  # neither tflint nor Go
    monkeypatch.setattr(lint, "CACHE", tmp_path)
    monkeypatch.setattr(lint, "linters", lambda folder: {"fmt": lambda: (True, ""), "tflint": lambda: lint.tflint(folder)})
    monkeypatch.setattr(sys, "argv", ["lint", str(tmp_path)])
    assert lint.main() == 0
    assert "1 linters passed; not run: tflint" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told_plainly() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.lint", "nosuch"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, "there is no folder nosuch" in done.stderr) == (2, True)


@pytest.mark.parametrize("source", [str(REPOSITORY), "git::https://example.com/terraform-aws-websocket-disconnect.git?ref=v1.0.0"])
def test_unknown_fields_of_a_call_are_named(source: str, tmp_path: Path) -> None:
    complaints = {
        'function = { environment = { ANY = "thing" } }\nhistory = var.history': "",
        "sweep = { prob = {} }": "sweep.prob is unknown, and ignored: did you mean probe?",
        "sweep = { probe = { per_secnd = 10 } }": "sweep.probe.per_secnd is unknown, and ignored: did you mean per_second?",
        "monitoring = { alarm_action = [var.topic] }": "monitoring.alarm_action is unknown, and ignored: did you mean alarm_actions?",
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


def test_building_tflint_leaves_nothing_but_tflint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, home, seen, go = tmp_path / "cache", tmp_path / "home", tmp_path / "seen", tmp_path / "bin" / "go"
    home.mkdir()
    go.parent.mkdir()
    go.write_text(GO.format(seen=seen, version=lint.TFLINT))
    go.chmod(0o755)
    monkeypatch.setattr(lint, "CACHE", cache)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert lint.tflint_binary() == str(cache / "bin" / "tflint")
    assert all(folder.startswith(str(cache)) for folder in seen.read_text().split())
    assert "-modcacherw" in Path(f"{seen}.flags").read_text()
    assert [str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()] == ["bin/tflint"]
    assert [path.name for path in cache.iterdir()] == ["bin"]
    assert list(home.iterdir()) == []


def test_a_build_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "go").write_text('#!/bin/sh\ntouch "$GOCACHE-begun"\nsleep 60\n')
    (tmp_path / "go").chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()
    build = f"""
from pathlib import Path
from tools import installed, program
def main():
    with installed.go_environment(Path({str(cache)!r})) as env:
        installed.run_go("install", env=env)
program.run(main)
"""
    path = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, "-c", build], cwd=REPOSITORY, env=path, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: list(cache.glob("*/build-begun")), seconds=30, every=0.05)
        process.terminate()
        assert "Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert list(cache.iterdir()) == []
