"""A user's own settings of Terraform stand, except those that would choose another state or part of a plan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import terraform


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a Terraform and without any settings; nothing is remembered."""
    for name in ("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG", "TF_PLUGIN_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    fake = tmp_path / "bin" / "terraform"
    fake.parent.mkdir()
    fake.write_text("""#!/bin/sh
case "$1" in
    version) echo '{"terraform_version": "1.11.4", "platform": "linux_riscv"}' ;;
    init) exit 1 ;;
    *) echo a warning >&2; env ;;
esac
""")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(terraform, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(terraform, "mirror", lambda: tmp_path / "plugins")
    for remembers in ("environment", "binary"):
        monkeypatch.setattr(terraform, remembers, getattr(terraform, remembers).__wrapped__)
    return tmp_path


def test_a_users_configuration_stands(home: Path) -> None:
    (home / ".terraformrc").write_text("disable_checkpoint = true\n")
    written = Path(terraform.environment()["TF_CLI_CONFIG_FILE"]).read_text()
    assert "disable_checkpoint = true\n" in written
    assert f'path    = "{home / "plugins"}"' in written, "the mirror beside it"
    (home / ".terraformrc").write_text("provider_installation {\n  direct {}\n}\n")
    assert not {"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"} & terraform.environment().keys()


def test_a_users_other_variables_and_warnings_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF_WORKSPACE would choose another state, TF_LOG write into JSON, TF_CLI_ARGS_plan show a part of the plan."""
    for name in ("TF_WORKSPACE", "TF_LOG", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_VAR_name"):
        monkeypatch.setenv(name, "users-own")
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(home / "plugins"))
    seen = terraform.Root(home, os.environ, home / "data").run("output")
    assert "users-own" not in seen
    assert "a warning" not in seen
    assert f"TF_PLUGIN_CACHE_DIR={home / 'plugins'}" in seen


def test_without_a_provider_the_error_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = terraform.Root(home, os.environ, home / "data")
    with pytest.raises(terraform.TerraformError) as failed:
        root.init()
    assert "mirror" not in str(failed.value), "there is one"
    monkeypatch.setattr(terraform, "mirror", lambda: None)
    with pytest.raises(terraform.TerraformError, match=r"linux_riscv.*terraform providers mirror"):
        root.init()
