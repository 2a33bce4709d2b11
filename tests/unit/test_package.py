"""A committed zip is what its sources build, to the last byte, and nothing else."""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import package

REPOSITORY = Path(__file__).resolve().parents[2]
FUNCTION, FEED = "dist/function.zip", "examples/dashboard-feed/feed.zip"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is packaged, to change; tools.package works on it."""
    for folder in ("function", "dist", "examples"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
    monkeypatch.setattr(package, "ROOT", tmp_path)
    return tmp_path


def passes(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> bool:
    monkeypatch.setattr(sys, "argv", ["tools.package", *arguments])
    return package.main() == 0


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def with_a_member(name: str, content: bytes) -> Callable[[Path], bytes]:
    """The zip as package.build makes it, with one more member, or another in place of one."""
    return lambda archive: package.build(members(archive) | {name: content})


def with_a_flag(archive: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members(archive).items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_the_committed_files_are_what_the_sources_build(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert passes(monkeypatch, "--check"), capsys.readouterr()


@pytest.mark.parametrize("archive", [FUNCTION, FEED])
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(with_a_member("__pycache__/log.cpython-313.pyc", b"\xf3\r\r\n"), id="bytecode"),
        pytest.param(with_a_member("sitecustomize.py", b"print('mine')"), id="another source"),
        pytest.param(with_a_member("feed.py", b"print('mine')"), id="a changed source"),
        pytest.param(with_a_flag, id="the same members stored otherwise"),
        pytest.param(lambda archive: archive.read_bytes() + b"\0", id="a byte behind its end"),
        pytest.param(lambda archive: b"", id="nothing"),
    ],
)
def test_a_zip_with_anything_else_is_refused(
    attack: Callable[[Path], bytes], archive: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = attack(copy / archive)
    (copy / archive).write_bytes(content)
    manifest = package.manifest(package.sources(copy / "function"), (copy / FUNCTION).read_bytes())
    (copy / "dist/manifest.json").write_bytes(manifest)  # it vouches for the zip
    assert not passes(monkeypatch, "--check")


def test_a_manifest_with_another_field_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = copy / "dist/manifest.json"
    manifest.write_text(json.dumps({"compiled_by": "3.13.99"} | json.loads(manifest.read_text()), indent=2) + "\n")
    assert not passes(monkeypatch, "--check")


@pytest.mark.parametrize("name", ["dist/other.zip", "examples/complete/other.zip"])
def test_a_zip_without_sources_is_refused(name: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / name).write_bytes(b"")
    assert not passes(monkeypatch, "--check")


def test_packaging_mends_what_check_refuses(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / FUNCTION).write_bytes(b"")
    (copy / "dist/manifest.json").unlink()
    assert passes(monkeypatch)
    assert passes(monkeypatch, "--check")
    assert members(copy / FUNCTION) == package.sources(copy / "function")
