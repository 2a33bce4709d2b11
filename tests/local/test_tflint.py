"""tflint is built inside the project's folder, and of what that took nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import tflint
from tools.deployment import until
from tools.terraform import REPOSITORY

# Writes where Go would, and notes its folders and flags.
GO = """#!/bin/sh
for folder in "$GOPATH" "$GOMODCACHE" "$GOCACHE"; do mkdir -p "$folder/large"; echo "$folder" >> "{seen}"; done
echo "$GOFLAGS" > "{seen}.flags"
printf '#!/bin/sh\\necho TFLint version {version}\\n' > "$GOBIN/tflint"
chmod +x "$GOBIN/tflint"
"""


def test_building_tflint_leaves_nothing_but_tflint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, home, seen = tmp_path / "cache", tmp_path / "home", tmp_path / "seen"
    home.mkdir()
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(seen=seen, version=tflint.VERSION))
    go.chmod(0o755)
    monkeypatch.setattr(tflint, "CACHE", cache)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert tflint.binary() == str(cache / "bin" / "tflint")
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
from tools import go, program
def main():
    with go.environment(Path({str(cache)!r})) as env:
        go.run("install", env=env)
program.run(main)
"""
    path = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, "-c", build], cwd=REPOSITORY, env=path, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: list(cache.glob("*/build-begun")), seconds=30, every=0.05)
        process.terminate()
        assert "Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert list(cache.iterdir()) == []
