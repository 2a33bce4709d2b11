"""Terraform is found as the machine has it, and a user's own settings stand."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import terraform

PLATFORM = "linux_amd64"
OURS = "provider_installation {\n  direct {}\n}\n"


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


def put_terraform_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, platform: str = PLATFORM) -> None:
    fake = folder / "bin" / "terraform"
    fake.parent.mkdir()
    fake.write_text(f"""#!/bin/sh\necho '{{"terraform_version": "{version}", "platform": "{platform}"}}'\n""")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")


def put_mirror(folder: Path, *inside: str) -> Path:
    (folder / terraform.PROVIDER).joinpath(*inside).mkdir(parents=True)
    return folder


def written() -> str:
    return Path(terraform.environment()["TF_CLI_CONFIG_FILE"]).read_text()


def test_a_missing_terraform_is_said_with_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(terraform.TerraformError, match=r"no terraform.*1\.11 or newer must be on PATH: https://"):
        terraform.binary()


def test_a_terraform_that_is_too_old_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_terraform_on_path(home, monkeypatch, "1.5.7")
    with pytest.raises(terraform.TerraformError, match=r"is version 1\.5\.7\. Terraform 1\.11 or newer"):
        terraform.binary()


@pytest.mark.parametrize("version", ["1.11.0", "1.15.0-beta1", "2.0.0"])
def test_a_terraform_that_fits_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    put_terraform_on_path(home, monkeypatch, version)
    assert terraform.binary() == str(home / "bin" / "terraform")


@pytest.mark.parametrize("place", [".terraform.d/plugins", ".local/share/terraform/plugins", "share/terraform/plugins"])
def test_a_mirror_is_found_where_terraform_looks_by_itself(home: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    put_terraform_on_path(home, monkeypatch, "1.11.4")
    mirror = put_mirror(home / place, "5.100.0", PLATFORM)
    assert terraform.mirror() == mirror
    assert f'path    = "{mirror}"' in written()


def test_a_mirror_is_found_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_terraform_on_path(home, monkeypatch, "1.11.4")
    mirror = put_mirror(home / "opt" / "plugins", "5.100.0", PLATFORM)
    assert mirror in [folder for folder in terraform._folders(home, depth=3) if terraform._has_provider(folder)]


def test_a_mirror_for_another_platform_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_terraform_on_path(home, monkeypatch, "1.11.4")
    assert not terraform._has_provider(put_mirror(home / "plugins", "5.100.0", "darwin_arm64"))


def test_a_users_provider_installation_stands(home: Path) -> None:
    (home / ".terraformrc").write_text(OURS)
    assert not {"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"} & terraform.environment().keys()


def test_a_users_other_settings_are_kept_beside_the_mirror(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "own.tfrc").write_text("disable_checkpoint = true\n")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(home / "own.tfrc"))
    monkeypatch.setattr(terraform, "mirror", lambda: home / "plugins")
    assert "disable_checkpoint = true\n" in written()
    assert f'path    = "{home / "plugins"}"' in written()


def test_a_named_but_missing_configuration_is_no_obstacle(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(home / "missing.tfrc"))
    monkeypatch.setattr(terraform, "mirror", lambda: None)
    assert written() == ""


def test_without_a_mirror_the_provider_is_cached(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "mirror", lambda: None)
    assert terraform.environment()["TF_PLUGIN_CACHE_DIR"] == str(home / "cache" / "providers")
    assert (home / "cache" / "providers").is_dir()


def test_inits_that_share_a_cache_wait_for_each_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "mirror", lambda: None)
    with terraform.installing(), (home / "cache" / "providers.lock").open("w") as another, pytest.raises(BlockingIOError):
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (home / "cache" / "providers.lock").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_inits_from_a_mirror_do_not_wait(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "mirror", lambda: home / "plugins")
    with terraform.installing():
        assert not (home / "cache" / "providers.lock").exists()


@pytest.mark.parametrize(("platform", "options"), [(PLATFORM, ["-lockfile=readonly"]), ("darwin_arm64", [])])
def test_a_lock_file_stays_as_it_is_where_it_was_made(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, options: list[str]
) -> None:
    put_terraform_on_path(home, monkeypatch, "1.11.4", platform)
    assert terraform.keep_lock(home) == []
    (home / ".terraform.lock.hcl").touch()
    assert terraform.keep_lock(home) == options


def test_an_init_that_finds_no_provider_says_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "mirror", lambda: None)
    assert "the registry, which must be reachable; or put a mirror" in terraform._advice("init")
    assert terraform._advice("apply") == ""


def terraform_that(home: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    put_terraform_on_path(home, monkeypatch, "1.11.4")
    monkeypatch.setattr(terraform, "mirror", lambda: home)
    terraform.binary()
    terraform.environment()
    (home / "bin" / "terraform").write_text(f"#!/bin/sh\n{does}\n")


def test_a_users_other_variables_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF_WORKSPACE would choose another state, TF_LOG write into JSON, TF_CLI_ARGS_plan show a part of the plan."""
    terraform_that(home, monkeypatch, "env")
    for name in ("TF_WORKSPACE", "TF_LOG", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_VAR_name"):
        monkeypatch.setenv(name, "users-own")
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(home / "cache"))
    seen = terraform.Root(home, os.environ, home / "data").run("output")
    assert "users-own" not in seen
    assert f"TF_PLUGIN_CACHE_DIR={home / 'cache'}" in seen


def test_json_holds_no_word_of_the_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform_that(home, monkeypatch, "echo a warning >&2; echo '{}'")
    assert terraform.Root(home, os.environ, home / "data").outputs() == {}
