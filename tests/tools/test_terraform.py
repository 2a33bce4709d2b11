"""Terraform is found as the machine has it, and a user's own settings stand."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import terraform

PLATFORM = "linux_amd64"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without any settings; nothing is remembered between tests."""
    for name in ("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG", "TF_PLUGIN_CACHE_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(terraform, "CACHE", tmp_path / "cache")
    terraform.environment.cache_clear()
    terraform.binary.cache_clear()
    yield tmp_path
    terraform.environment.cache_clear()
    terraform.binary.cache_clear()


@pytest.fixture
def without_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "mirror", lambda: None)


def put_terraform_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "1.11.4", platform: str = PLATFORM) -> Path:
    fake = folder / "bin" / "terraform"
    fake.parent.mkdir()
    fake.write_text(f"""#!/bin/sh\necho '{{"terraform_version": "{version}", "platform": "{platform}"}}'\n""")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    return fake


def written() -> str:
    return Path(terraform.environment()["TF_CLI_CONFIG_FILE"]).read_text()


def test_a_missing_terraform_is_told_with_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(terraform.TerraformError, match=r"no terraform.*1\.11 or newer must be on PATH: https://"):
        terraform.binary()


@pytest.mark.parametrize("version", ["1.5.7", "1.11.0", "1.15.0-beta1", "2.0.0"])
def test_only_a_terraform_that_is_new_enough_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    fake = put_terraform_on_path(home, monkeypatch, version)
    if version != "1.5.7":
        assert terraform.binary() == str(fake)
        return
    with pytest.raises(terraform.TerraformError, match=r"is version 1\.5\.7\. Terraform 1\.11 or newer"):
        terraform.binary()


@pytest.mark.parametrize("place", [".terraform.d/plugins", ".local/share/terraform/plugins", "share/terraform/plugins", "opt/plugins"])
@pytest.mark.parametrize("platform", [PLATFORM, "darwin_arm64"])
def test_a_mirror_for_this_platform_is_found(home: Path, monkeypatch: pytest.MonkeyPatch, place: str, platform: str) -> None:
    put_terraform_on_path(home, monkeypatch)
    (home / place / terraform.PROVIDER / "5.100.0" / platform).mkdir(parents=True)
    near = list(terraform._folders(home, depth=3))
    monkeypatch.setattr(terraform, "_folders", lambda start, depth: iter(near))
    assert terraform.mirror() == (home / place if platform == PLATFORM else None)
    assert (f'path    = "{home / place}"' in written()) is (platform == PLATFORM)


def test_a_users_provider_installation_stands(home: Path) -> None:
    (home / ".terraformrc").write_text("provider_installation {\n  direct {}\n}\n")
    assert not {"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"} & terraform.environment().keys()


def test_a_users_other_settings_are_kept_beside_the_mirror(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "own.tfrc").write_text("disable_checkpoint = true\n")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(home / "own.tfrc"))
    monkeypatch.setattr(terraform, "mirror", lambda: home / "plugins")
    assert "disable_checkpoint = true\n" in written()
    assert f'path    = "{home / "plugins"}"' in written()
    with terraform.installing():
        assert not (home / "cache" / "providers.lock").exists(), "those that init from a mirror need not wait"


def test_a_named_but_missing_configuration_is_no_obstacle(home: Path, monkeypatch: pytest.MonkeyPatch, without_mirror: None) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(home / "missing.tfrc"))
    assert written() == ""


def test_without_a_mirror_inits_share_a_cache_one_by_one(home: Path, without_mirror: None) -> None:
    assert terraform.environment()["TF_PLUGIN_CACHE_DIR"] == str(home / "cache" / "providers")
    assert "the registry, which must be reachable; or put a mirror" in terraform._advice("init")
    assert terraform._advice("apply") == ""
    with terraform.installing(), (home / "cache" / "providers.lock").open("w") as another, pytest.raises(BlockingIOError):
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (home / "cache" / "providers.lock").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(("platform", "options"), [(PLATFORM, ["-lockfile=readonly"]), ("darwin_arm64", [])])
def test_a_lock_file_is_kept_where_it_was_made(home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, options: list[str]) -> None:
    put_terraform_on_path(home, monkeypatch, platform=platform)
    assert terraform.keep_lock(home) == []
    (home / ".terraform.lock.hcl").touch()
    assert terraform.keep_lock(home) == options


def test_a_users_other_variables_and_warnings_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF_WORKSPACE would choose another state, TF_LOG write into JSON, TF_CLI_ARGS_plan show a part of the plan."""
    fake = put_terraform_on_path(home, monkeypatch)
    monkeypatch.setattr(terraform, "mirror", lambda: home)
    terraform.binary()
    terraform.environment()
    fake.write_text("#!/bin/sh\necho a warning >&2\nenv\n")
    for name in ("TF_WORKSPACE", "TF_LOG", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_VAR_name"):
        monkeypatch.setenv(name, "users-own")
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(home / "cache"))
    seen = terraform.Root(home, os.environ, home / "data").run("output")
    assert "users-own" not in seen
    assert "a warning" not in seen
    assert f"TF_PLUGIN_CACHE_DIR={home / 'cache'}" in seen
