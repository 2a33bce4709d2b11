"""What this repository installs into .cache: npm packages, and programs built with Go. The user's own folders stay as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import leash

CACHE = Path(__file__).resolve().parent.parent / ".cache"


class UnavailableError(Exception):
    """Something is missing on this machine. The text says what to do."""


def npm_packages(source: Path, name: str) -> Path:
    """The folder whose `node_modules` is what `source`'s package-lock.json says. Installs it if necessary, without running scripts."""
    folder, lock = CACHE / name, (source / "package-lock.json").read_bytes()
    stamp = folder / "installed"  # the lock file of the last installation
    if stamp.exists() and stamp.read_bytes() == lock:
        return folder
    if not shutil.which("npm"):
        raise UnavailableError(f"npm is needed to install {name}: install Node.js 20 or newer")
    print(f"Installing {name} into {folder} …", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(source / file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=folder).returncode:
        raise UnavailableError(f"npm could not install {name}: run `npm ci` in {folder} to see why")
    stamp.write_bytes(lock)
    return folder


@contextmanager
def go_environment(cache: Path) -> Iterator[dict[str, str]]:
    """Go's downloads, 1.6 GB, are in a temporary folder. By default Go keeps them in HOME, and read-only without -modcacherw."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        kept = {"GOPATH": f"{folder}/path", "GOMODCACHE": f"{folder}/modules", "GOCACHE": f"{folder}/build"}
        yield {**os.environ, **kept, "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()}


def run_go(*arguments: str, env: Mapping[str, str], cwd: str | None = None) -> None:
    process = leash.start(["go", *arguments], env=env, cwd=cwd)  # the compilers that Go starts end with this process
    try:
        process.wait()
    finally:
        code = leash.end(process)
    if code:
        raise subprocess.CalledProcessError(code, ["go", *arguments])
