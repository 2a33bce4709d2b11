"""The make targets: what is looked for before anything is installed, and how what is written as YES=… is taken."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tools import program
from tools.terraform import REPOSITORY


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("make") or "make", *arguments, f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=REPOSITORY, env={"PATH": "/nowhere"}, capture_output=True, text=True)


@pytest.mark.parametrize("target", ["demo", "up", "prove", "plan", "test", "matrix", "lint"])
def test_a_missing_terraform_is_found_first(target: str) -> None:
    done = make(target)
    assert "There is no terraform. Terraform 1.11 or newer must be on PATH" in done.stderr
    assert "Installing" not in done.stdout + done.stderr


def test_check_asks_for_a_folder() -> None:
    assert "name a root folder" in make("check").stderr


def test_make_hands_a_value_on_as_it_is() -> None:
    assert "--long='0' --yes='no' --local='false'" in make("-n", "prove", "YES=no", "LOCAL=false", "LONG=0").stdout


def test_only_1_true_and_yes_mean_yes() -> None:
    parser = program.arguments("")
    program.flag(parser, "--yes", "")
    assert parser.parse_args([]).yes is False
    for given in ("--yes", "--yes=1", "--yes=true", "--yes=YES"):
        assert parser.parse_args([given]).yes is True
    for given in ("--yes=0", "--yes=no", "--yes=false", "--yes=", "--ye", "--chek"):
        with pytest.raises(SystemExit):
            parser.parse_args([given])
