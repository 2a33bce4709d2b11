"""npm packages that a folder of this repository pins, installed into .cache. Scripts of packages are not run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache"


class NpmError(Exception):
    """npm is missing, or could not install; the text says what to do."""


def installed(source: Path, name: str) -> Path:
    """The folder where `node_modules` is as `source`'s package-lock.json says; installs it there when it is not."""
    folder, lock = CACHE / name, (source / "package-lock.json").read_bytes()
    stamp = folder / "installed"  # the lock file that was installed last
    if stamp.exists() and stamp.read_bytes() == lock:
        return folder
    npm = shutil.which("npm")
    if not npm:
        raise NpmError(f"npm is needed to install {name}: install Node.js 20 or newer")
    print(f"Installing {name} into {folder} …", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(source / file, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=folder).returncode:
        raise NpmError(f"npm could not install {name}: run `npm ci` in {folder} to see why")
    stamp.write_bytes(lock)
    return folder
