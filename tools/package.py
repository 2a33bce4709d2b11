"""Packages the functions into zips that are the same to the last byte on every machine.

    python -m tools.package           builds dist/function.zip with its manifest, and the examples' zips
    python -m tools.package --check   exits 1 when a committed file is not what would be built
    python -m tools.package --python  prints the Python that compiles, of Lambda's default version

Members are sorted, stored (deflate differs between zlib versions), dated 1980 and mode 0644. The manifest holds the sources' hashes, so
that Terraform, which can't look into a zip, refuses to plan a stale one.

Beside each source lies what Lambda's default Python would compile it to in each cold start, as its folder is read-only. Such a file holds
a hash of its source, which Python compares before it runs it (PEP 552): one that is stale, or of another Python, is passed over. Making
them takes a Python 3.13, of any patch level; but 3.13.0 compiles a generator expression otherwise than 3.13.5 does, so the manifest names
the maker, and where the same is not at hand --check compares everything but the code.
"""

from __future__ import annotations

import _imp
import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".pem"}
RUNTIME = "3.13"  # what the module's input `function.runtime` is when nobody says otherwise
MAGIC = b"\xf3\r\r\n"  # begins what any release of it compiles
COMPARE_HASH = (3).to_bytes(4, "little")  # PEP 552: the file holds its source's hash, and Python is to compare it
TASK = "/var/task"  # where Lambda unpacks the zip: a traceback names a file as it lies there


class Python(NamedTuple):
    path: Path
    version: str  # with its patch level


def pythons() -> Iterator[Python]:
    """Those of the runtime's version: the one that PACKAGE_PYTHON names, or this one, those on PATH and pyenv's."""
    name, pyenv = f"python{RUNTIME}", Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    paths = [Path(sys.executable), *(Path(folder, name) for folder in os.get_exec_path()), *pyenv.glob(f"versions/{RUNTIME}.*/bin/{name}")]
    if named := os.environ.get("PACKAGE_PYTHON"):
        paths = [Path(named)]
    ask = "import importlib.util, platform; print(importlib.util.MAGIC_NUMBER.hex(), platform.python_version())"
    for path in paths:
        try:
            answer = subprocess.run([path, "-I", "-c", ask], capture_output=True, text=True).stdout.split()
        except OSError:
            continue
        if answer[:1] == [MAGIC.hex()]:
            yield Python(path, answer[1])


def sources(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES}


def compiled(members: dict[str, bytes], python: Python) -> dict[str, bytes]:
    """Each source as Python compiles it, by its name in the zip. Nothing of this machine is in it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in members.items():
            Path(folder, name).write_bytes(content)
        options = ("-q", "--invalidation-mode", "checked-hash", "-d", TASK)
        subprocess.run([python.path, "-I", "-m", "compileall", *options, folder], check=True)
        return {f"__pycache__/{path.name}": path.read_bytes() for path in Path(folder, "__pycache__").iterdir()}


def still_good(members: dict[str, bytes], archive: Path) -> dict[str, bytes]:
    """The compiled files as they are in an archive, by their name in it; empty, the one that does not say it is made from its source."""
    good = {}
    with zipfile.ZipFile(archive) as file:
        for source, content in members.items():
            if source.endswith(".py"):
                name = f"__pycache__/{source.removesuffix('.py')}.cpython-{RUNTIME.replace('.', '')}.pyc"
                code = file.read(name) if name in file.namelist() else b""
                head = MAGIC + COMPARE_HASH + _imp.source_hash(int.from_bytes(MAGIC, "little"), content)
                good[name] = code if code.startswith(head) else b""
    return good


def build(members: dict[str, bytes]) -> bytes:
    """The zip of the members, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, whatever machine this is: the mode below is a Unix mode
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def manifest(members: dict[str, bytes], archive: bytes, compiled_by: str) -> bytes:
    """What the Terraform precondition compares: Terraform's own filesha256 and filebase64sha256; and who compiled."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
    values = {"compiled_by": compiled_by, "sources": hashes, "zip_sha256_base64": digest}
    return json.dumps(values, indent=2, sort_keys=True).encode() + b"\n"


def wanted(function: dict[str, bytes], code: dict[str, bytes], compiled_by: str) -> dict[Path, bytes]:
    """Every committed artefact and what it must contain."""
    archive = build(function | code)
    files = {ROOT / "dist/function.zip": archive, ROOT / "dist/manifest.json": manifest(function, archive, compiled_by)}
    for folder in sorted({file.parent for file in ROOT.glob("examples/*/*/*.py")}):
        files[folder.with_suffix(".zip")] = build(sources(folder))
    return files


def differing(files: dict[Path, bytes]) -> list[Path]:
    return [path for path, content in files.items() if not path.is_file() or path.read_bytes() != content]


def check(function: dict[str, bytes], maker: str, python: Python | None) -> list[Path]:
    """The committed artefacts that are not what they must be."""
    if python:
        stale = differing(wanted(function, compiled(function, python), maker))
        if not stale or python.version == maker:
            return stale
    if sys.version_info < (3, 11):
        sys.exit("Python 3.10 makes other hashes of sources: check with 3.11 or newer")
    print(f"Python {maker} compiled what is in dist/function.zip and is not here: everything but the code is compared", file=sys.stderr)
    return differing(wanted(function, still_good(function, ROOT / "dist/function.zip"), maker))


def main() -> int:
    function, manifest = sources(ROOT / "function"), ROOT / "dist/manifest.json"
    found = re.search(r'"compiled_by": "(.+)"', manifest.read_text() if manifest.is_file() else "")
    maker = found[1] if found else ""
    python = min(pythons(), key=lambda python: python.version != maker, default=None)
    if "--check" in sys.argv:
        if stale := check(function, maker, python):
            print(*(f"stale: {path.relative_to(ROOT)}" for path in stale), sep="\n")
            print("run `make package` and commit what it builds", file=sys.stderr)
        return 1 if stale else 0
    if python is None:
        sys.exit(f"the package needs a Python {RUNTIME} to compile with, and neither PACKAGE_PYTHON nor PATH nor pyenv has one")
    if "--python" in sys.argv:
        print(python.path)
        return 0
    files = wanted(function, compiled(function, python), python.version)
    for path in differing(files):
        print(f"built: {path.relative_to(ROOT)}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(files[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
