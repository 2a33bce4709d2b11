"""A committed zip is what its sources build, to the last byte, and nothing else."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tools import package

ZIPS = ("dist/function.zip", "examples/dashboard-feed/feed.zip")


def passes(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> bool:
    monkeypatch.setattr("sys.argv", ["tools.package", *arguments])
    return package.main() == 0


def test_check_refuses_any_other_byte_and_packaging_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passes(monkeypatch, "--check")
    for folder in ("function", "dist", "examples"):
        shutil.copytree(package.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
    monkeypatch.setattr(package, "ROOT", tmp_path)
    for name in (*ZIPS, "dist/manifest.json"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"\0")
        assert not passes(monkeypatch, "--check")
        assert passes(monkeypatch)
        assert passes(monkeypatch, "--check")
    for name in ("dist/other.zip", "examples/complete/other.zip"):
        (tmp_path / name).touch()
        assert not passes(monkeypatch, "--check")
        (tmp_path / name).unlink()


def test_a_zip_holds_the_sources_and_nothing_else() -> None:
    for name, folder in zip(ZIPS, ("function", "examples/dashboard-feed/feed"), strict=True):
        with zipfile.ZipFile(package.ROOT / name) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        files = (path for path in (package.ROOT / folder).iterdir() if path.suffix in (".py", ".pem"))
        assert members == {path.name: path.read_bytes() for path in files}
