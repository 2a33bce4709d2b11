"""The matrix takes the versions that it can get, names those that it can't, and believes no required_version unseen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import matrix
from tools.terraform import REPOSITORY, Program, TerraformError


def fake(folder: Path, version: tuple[int, int], init: str) -> matrix.Copy:
    """A tool that takes everything, but for what `init` does, and one root that wants version 1.10."""
    (folder / "versions.tf").write_text('terraform {\n  required_version = ">= 1.10"\n}\n')
    program = folder / "tool"
    program.write_text(f'#!/bin/sh\n[ "$1" != init ] || {init}\n')
    program.chmod(0o755)
    return matrix.Copy(matrix.Tool(f"Terraform {version[0]}.{version[1]}.0", version, Program(str(program), {})), folder)


def test_an_unavailable_version_is_named_and_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(matrix, "CACHE", tmp_path)
    [(cells, errors)] = matrix.rows({"OpenTofu 1.12.6": matrix.opentofu})
    assert (cells[:2], errors) == (["OpenTofu 1.12.6", "not available: there is no tofu on PATH, and no Go to build it with"], "")


def test_a_folder_must_refuse_the_versions_that_it_excludes(tmp_path: Path) -> None:
    refuses, fails = "{ echo Error: Unsupported Terraform Core version; exit 1; }", "{ echo; echo Error: no such provider; exit 1; }"
    assert fake(tmp_path, (1, 9), refuses).validate() == "0 of 1 folders; .: need 1.10"
    for version, init, said in (
        ((1, 9), "exit 0", "accepts a version that its required_version excludes"),
        ((1, 9), fails, "no such provider"),
        ((1, 10), fails, "no such provider"),
    ):
        with pytest.raises(TerraformError, match=said):
            fake(tmp_path, version, init).validate()


def test_every_version_that_the_matrix_takes_from_pypi_is_locked() -> None:
    locked = {path.name for path in (REPOSITORY / "requirements").glob("terraform-*.txt")}
    assert locked == {f"terraform-{version}.txt" for version in matrix.TERRAFORMS}


def test_roots_with_lock_files_refuse_versions_that_never_lock() -> None:
    files = [path for top in ("envs", "examples") for path in (REPOSITORY / top).glob("**/versions.tf")]
    roots = [path for path in files if "use_lockfile" in path.read_text()]
    assert len(roots) == 4
    assert [path for path in roots if 'required_version = ">= 1.10"' not in path.read_text()] == []


def test_modules_with_an_index_exclude_faulty_providers() -> None:
    mains = [path for path in (REPOSITORY / "modules").glob("*/main.tf") if "global_secondary_index" in path.read_text()]
    constraints = [path.with_name("versions.tf").read_text() for path in mains]
    excluded = [re.findall(r"!= ([\d.]+)", text) for text in constraints]
    assert [(versions[0], versions[-1], len(versions)) for versions in excluded] == [("6.29.0", "6.40.0", 14)] * 2
