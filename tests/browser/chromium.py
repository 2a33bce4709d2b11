"""Starts a Chromium: the one that CHROMIUM names, else one on PATH, else (Linux on x86-64) the headless shell in an npm package.

https://github.com/Sparticuz/chromium, pinned in package-lock.json, unpacked into .cache.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from tools.installed import UnavailableError, npm_packages

# Names that end with .test stand for this machine, as those of a website do after DNS rebinding.
ARGUMENTS = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--host-resolver-rules=MAP *.test 127.0.0.1"]
NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "headless_shell")
UNPACK = "import chromium from '@sparticuz/chromium'; await chromium.executablePath()"
# Those of the package, which a machine without any font needs, and those of this machine.
FONTS = """<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}/fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
</fontconfig>
"""


def launch(playwright: Playwright) -> Browser:
    """Start it; raises UnavailableError."""
    program, environment = _find()
    return playwright.chromium.launch(executable_path=program, args=ARGUMENTS, env={**os.environ, **environment})


def _find() -> tuple[Path, dict[str, str]]:
    """The program, and what its environment needs."""
    if found := next(filter(None, [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]), None):
        return Path(found), {}
    try:
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise UnavailableError("use Linux on x86-64")
        return _unpacked(npm_packages(Path(__file__).resolve().parent, "chromium"))
    except UnavailableError as problem:
        advice = "put Chrome or Chromium on PATH, or name one (CHROMIUM=/path/to/it); or: "
        raise UnavailableError(f"there is no browser: {advice}{problem}") from None


def _unpacked(package: Path) -> tuple[Path, dict[str, str]]:
    folder = package / "node_modules" / ".unpacked"  # goes with what it came from when another version is installed
    if not folder.exists():
        part = folder.with_name(".unpacking")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        environment = {**os.environ, "TMPDIR": str(part)}
        done = subprocess.run(["node", "--input-type=module", "-e", UNPACK], cwd=package, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise UnavailableError(f"the browser in {package} could not be unpacked: {done.stderr}")
        (part / "fonts.conf").write_text(FONTS.format(folder=folder))
        part.rename(folder)
    return folder / "chromium", {"FONTCONFIG_FILE": str(folder / "fonts.conf")}
