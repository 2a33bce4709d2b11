"""dynalite, a DynamoDB by others that finds each page of a scan by its start key; MiniStack's looks at the whole table for each.

https://github.com/architect/dynalite, pinned in package-lock.json, installed into .cache by npm (Node.js 20 or newer). It holds the table
in memory: two gigabytes for a million records.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import leash

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".cache/dynalite"
# On a free port, which its own command line can't ask for.
SERVE = "require('dynalite')({createTableMs: 0}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })"


def _install() -> None:
    lock = (HERE / "package-lock.json").read_bytes()
    installed = FOLDER / "installed"  # the lock file that was installed last
    if installed.exists() and installed.read_bytes() == lock:
        return
    npm = shutil.which("npm")
    if not npm:
        sys.exit("npm is needed to install dynalite, the DynamoDB that the sweep is measured on: install Node.js 20 or newer")
    print(f"Installing dynalite into {FOLDER} …", file=sys.stderr)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, FOLDER)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=FOLDER).returncode:
        sys.exit(f"npm could not install dynalite: run `npm ci` in {FOLDER} to see why")
    installed.write_bytes(lock)


@contextmanager
def dynalite() -> Iterator[str]:
    """The URL of an empty DynamoDB, for as long as the block runs."""
    _install()
    process = leash.start(["node", "--max-old-space-size=8192", "-e", SERVE], cwd=str(FOLDER), stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            sys.exit(f"dynalite did not start, its reason is above: it needs Node.js 20 or newer; else remove {FOLDER} and try again")
        yield f"http://127.0.0.1:{port}"
    finally:
        leash.end(process)
