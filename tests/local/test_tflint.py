"""tflint is built inside the project's folder, and of what that took nothing is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import tflint

# Writes where Go would, and says what it was told.
GO = """#!/bin/sh
for folder in "$GOPATH" "$GOMODCACHE" "$GOCACHE"; do mkdir -p "$folder/large"; echo "$folder" >> "{told}"; done
echo "$GOFLAGS" > "{told}.flags"
printf '#!/bin/sh\\necho TFLint version {version}\\n' > "$GOBIN/tflint"
chmod +x "$GOBIN/tflint"
"""


def test_building_tflint_leaves_nothing_but_tflint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, home, told = tmp_path / "cache", tmp_path / "home", tmp_path / "told"
    home.mkdir()
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(told=told, version=tflint.VERSION))
    go.chmod(0o755)
    monkeypatch.setattr(tflint, "CACHE", cache)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert tflint.binary() == str(cache / "bin" / "tflint")
    assert all(folder.startswith(str(cache)) for folder in told.read_text().split())
    assert "-modcacherw" in Path(f"{told}.flags").read_text()
    assert [str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()] == ["bin/tflint"]
    assert [path.name for path in cache.iterdir()] == ["bin"]
    assert list(home.iterdir()) == []
