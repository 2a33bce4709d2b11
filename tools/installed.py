"""What this repository installs into .cache: npm packages, and programs built with Go. The user's own folders stay as they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local import leash

from .terraform import CACHE


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


def go_program(name: str, module: str, version: str, package: str, *flags: str) -> str:
    """The path of a program that Go builds if necessary. Raises UnavailableError if it can't."""
    built = CACHE / "bin" / f"{name}-{version}"
    if built.exists():
        return str(built)
    if not shutil.which("go"):
        raise UnavailableError(f"install {name} {version} or newer, or Go to build it")
    print(f"Building {name} {version} once (some minutes) …", file=sys.stderr)
    built.parent.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"go-{name}"  # 1.6 GB, which Go would keep in HOME, read-only without -modcacherw
    shutil.rmtree(folder, ignore_errors=True)  # of a build that was killed
    try:
        kept = {"GOPATH": f"{folder}/path", "GOMODCACHE": f"{folder}/modules", "GOCACHE": f"{folder}/build", "CGO_ENABLED": "0"}
        env = {**os.environ, **kept, "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()}
        download = ["go", "mod", "download", "-json", f"{module}@v{version}"]  # `go install` refuses a module with replace directives
        try:
            sources = json.loads(subprocess.run(download, env=env, stdout=subprocess.PIPE, check=True).stdout)["Dir"]
        except subprocess.CalledProcessError as error:
            raise UnavailableError(f"Go cannot download {module} {version}") from error
        process = leash.start(["go", "build", *flags, "-o", str(built), package], env=env, cwd=sources)  # ends Go's compilers with us
        try:
            process.wait()
        finally:
            code = leash.end(process)
        if code:
            raise UnavailableError(f"Go cannot build {name} {version}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(built)
