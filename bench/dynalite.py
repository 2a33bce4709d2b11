"""dynalite, a DynamoDB by others that finds each page of a scan by its start key; MiniStack's looks at the whole table for each.

https://github.com/architect/dynalite, pinned in package-lock.json, installed into .cache by npm (Node.js 20 or newer). It holds the table
in memory: two gigabytes for a million records.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import leash
from tools.npm import NpmError, installed

# On a free port, which its own command line can't ask for.
SERVE = "require('dynalite')({createTableMs: 0}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })"


@contextmanager
def dynalite() -> Iterator[str]:
    """The URL of an empty DynamoDB, for as long as the block runs."""
    try:
        folder = installed(Path(__file__).resolve().parent, "dynalite")
    except NpmError as error:
        sys.exit(str(error))
    process = leash.start(["node", "--max-old-space-size=8192", "-e", SERVE], cwd=str(folder), stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            sys.exit(f"dynalite did not start, its reason is above: it needs Node.js 20 or newer; else remove {folder} and try again")
        yield f"http://127.0.0.1:{port}"
    finally:
        leash.end(process)
