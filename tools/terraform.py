"""Terraform on this machine: the binary, the provider from a local mirror or the registry, and root folders."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local import leash

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
MINIMUM = (1, 11)
PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
LOCKED_ON = "linux_amd64"  # the platform whose checksum the lock files hold
# Terraform and its provider run for seconds. Garbage collection would take a third of their CPU time.
UNCOLLECTED = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
USERS_OWN = {"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"}
NO_PLACE_FOR_A_MIRROR = {"proc", "sys", "dev", "run", "tmp"}


class TerraformError(Exception):
    """Terraform is missing, or failed."""


@cache
def binary() -> str:
    path = shutil.which("terraform")
    need = f"Terraform {'.'.join(map(str, MINIMUM))} or newer must be on PATH: https://developer.hashicorp.com/terraform/install"
    if not path:
        raise TerraformError(f"There is no terraform. {need}")
    version = version_of(path)["terraform_version"]
    if tuple(map(int, version.split("-")[0].split(".")[:2])) < MINIMUM:
        raise TerraformError(f"{path} is version {version}. {need}")
    return path


@cache
def environment() -> dict[str, str]:
    """The variables with which Terraform asks nothing, and takes the provider from this machine if it is there."""
    settings = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", **UNCOLLECTED}
    own = _own_configuration()
    if "provider_installation" in own:
        return settings  # the user decides where providers come from
    if not (found := mirror()):
        (CACHE / "providers").mkdir(parents=True, exist_ok=True)
        settings |= {"TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}  # only new lock files, which are not kept
        settings |= {"TF_PLUGIN_CACHE_DIR": os.environ.get("TF_PLUGIN_CACHE_DIR", str(CACHE / "providers"))}
    CACHE.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=CACHE, delete=False) as file:
        file.write(f"{own}\n{from_mirror(found, PROVIDER)}" if found else own)
    return {**settings, "TF_CLI_CONFIG_FILE": str(Path(file.name).rename(CACHE / "terraform.rc"))}


def mirror() -> Path | None:
    """A folder with the AWS provider for this machine: one that Terraform uses by default, or one near the root of the file system."""
    ours = version_of(binary())["platform"]
    tops = (top for top in Path("/").iterdir() if top.name not in NO_PLACE_FOR_A_MIRROR and not top.is_symlink())
    near_root = (found for top in tops for above in ("", "*/", "*/*/") for found in top.glob(f"{above}{PROVIDER}"))
    for found in (*(folder / PROVIDER for folder in _implied_mirrors()), *near_root):
        if any(found.glob(f"*/{ours}")) or any(found.glob(f"*_{ours}.zip")):  # unpacked or packed
            return found.parents[len(PROVIDER.parts) - 1]
    return None


def keep_lock(folder: Path) -> list[str]:
    """The option with which `init` does not change the folder's lock file.

    None on platforms other than LOCKED_ON, where commands after init need the platform's own checksum.
    """
    return ["-lockfile=readonly"] if (folder / ".terraform.lock.hcl").exists() and version_of(binary())["platform"] == LOCKED_ON else []


@contextmanager
def installing() -> Iterator[None]:
    """One `init` at a time if they share a provider cache: https://github.com/hashicorp/terraform/issues/31964"""
    if "TF_PLUGIN_CACHE_DIR" not in environment():
        yield
        return
    with (CACHE / "providers.lock").open("w") as lock:  # closing it releases the lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def settled(env: Mapping[str, str]) -> dict[str, str]:
    """Without the user's TF_* variables, which choose workspaces, add arguments and log. Those that locate providers are kept."""
    return {name: value for name, value in env.items() if not name.startswith("TF_") or name in USERS_OWN}


@cache
def version_of(path: str) -> dict[str, Any]:
    """What a Terraform or OpenTofu says of itself, such as its terraform_version and platform."""
    quiet = {**settled(os.environ), "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return dict(json.loads(subprocess.run([path, "version", "-json"], env=quiet, stdout=subprocess.PIPE, check=True).stdout))


def _own_configuration() -> str:
    """The user's CLI configuration, "" if there is none."""
    named = os.environ.get("TF_CLI_CONFIG_FILE") or os.environ.get("TERRAFORM_CONFIG") or str(Path.home() / ".terraformrc")
    return Path(named).read_text() if Path(named).is_file() else ""


def _implied_mirrors() -> list[Path]:
    """https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories"""
    home = Path.home()
    data = [os.environ.get("XDG_DATA_HOME") or str(home / ".local/share")]
    data += (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    mac = [home / "Library/Application Support/io.terraform/plugins", Path("/Library/Application Support/io.terraform/plugins")]
    return [REPOSITORY / "terraform.d/plugins", home / ".terraform.d/plugins", *(Path(d, "terraform/plugins") for d in data), *mac]


def from_mirror(mirror: Path, provider: Path) -> str:
    """CLI configuration that takes this provider from the mirror, and all others as usual."""
    installed = f'filesystem_mirror {{\n    path    = "{mirror}"\n    include = ["{provider}"]\n  }}'
    return f'provider_installation {{\n  {installed}\n  direct {{\n    exclude = ["{provider}"]\n  }}\n}}\n'


@dataclass(frozen=True)
class Program:
    """A Terraform or OpenTofu, and its environment variables."""

    path: str
    environment: Mapping[str, str]


class Root:
    """A root folder. Terraform's own files go to `data`, so that the folder stays clean."""

    grace = leash.GRACE_SECONDS  # how long Terraform may take to finish and save its state when this process ends
    program: Program | None = None  # instead of the Terraform on PATH

    def __init__(self, folder: Path, env: Mapping[str, str], data: Path, *, state: Path | None = None, **variables: str) -> None:
        self.folder = folder
        self._env = {**settled(env), "TF_DATA_DIR": str(data)}
        self._env |= {f"TF_VAR_{name}": value for name, value in variables.items()}
        self._state = [f"-state={state}"] if state else []

    def init(self, **backend: str) -> None:
        self.run("init", *keep_lock(self.folder), *(f"-backend-config={name}={value}" for name, value in backend.items()))

    def apply(self, **variables: str) -> None:
        self.run("apply", "-auto-approve", *self._state, *(f"-var={name}={value}" for name, value in variables.items()))

    def plan(self, file: Path | None = None, *options: str) -> str:
        """The plan as text, "" if nothing changes. `file` keeps it for `show`."""
        code, text = self.call("plan", "-detailed-exitcode", *self._state, *options, *([f"-out={file}"] if file else []))
        if code == 1:
            raise TerraformError(f"terraform plan in {self.folder} failed:\n{text}")
        return text if code == 2 else ""

    def show(self, file: Path, *options: str) -> str:
        """A kept plan, as text or with "-json"."""
        return self.run("show", *options, str(file))

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json", *self._state)).items()}

    def versions(self) -> dict[str, str]:
        """Terraform's, and those of the providers that `init` chose."""
        found = json.loads(self.run("version", "-json"))
        return {"terraform": found["terraform_version"], **{name.split("/")[-1]: v for name, v in found["provider_selections"].items()}}

    def resources(self) -> list[str]:
        return self.run("state", "list", *self._state).splitlines()

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-lock-timeout=2m", *self._state)  # an interrupted apply may still save its state

    def run(self, *arguments: str) -> str:
        code, text = self.call(*arguments)
        if code:
            raise TerraformError(f"terraform {arguments[0]} in {self.folder} failed:\n{text}{_advice(arguments[0])}")
        return text

    def call(self, command: str, *arguments: str) -> tuple[int, str]:
        """The exit code, and the output. After a failure the errors instead, unless the output is JSON."""
        colour = [] if command in ("output", "state", "version") else ["-no-color"]
        program = self.program or Program(binary(), environment())
        # Into a file: a broken pipe would end Terraform before it has saved its state.
        turn = installing() if command == "init" else nullcontext()
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors, turn:
            whole, env = [program.path, command, *colour, *arguments], {**self._env, **program.environment}
            process = leash.start(whole, env=env, cwd=str(self.folder), stdout=output, stderr=errors, grace=self.grace)
            try:
                process.wait()
            finally:
                code = leash.end(process)
            output.seek(0)
            errors.seek(0)
            text, said = output.read(), errors.read().strip()
            return code, said if code == 1 and said and not text.startswith("{") else text


def _advice(command: str) -> str:
    """What to do when `init` has failed and no mirror was found."""
    if command != "init" or "provider_installation" in _own_configuration() or mirror():
        return ""
    platform = version_of(binary())["platform"]
    return (
        f"\nNo folder on this machine has the provider {PROVIDER} for {platform}, so it comes from the registry. Make the registry "
        "reachable, or copy a mirror (terraform providers mirror) to ~/.terraform.d/plugins."
    )


if __name__ == "__main__":
    try:
        os.execve(binary(), ["terraform", *sys.argv[1:]], {**os.environ, **environment()})
    except TerraformError as error:
        sys.exit(str(error))
