"""Packages the functions into zips that are byte for byte the same on every machine.

    python -m tools.package           builds dist/function.zip, its manifest, and the examples' zips
    python -m tools.package --check   exits 1 if a committed file is not what the sources build

A zip holds the sources only (docs/decisions/0004-no-bytecode.md). Members are sorted, stored (deflate differs between zlib versions), dated
1980 and have mode 0644. The manifest holds the sources' hashes, so that Terraform refuses to plan a stale zip.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from pathlib import Path

from . import program

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".pem"}


def sources(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES}


def build(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, on every machine
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def manifest(members: dict[str, bytes], archive: bytes) -> bytes:
    """What Terraform's precondition compares with filesha256 and filebase64sha256."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
    return json.dumps({"sources": hashes, "zip_sha256_base64": digest}, indent=2, sort_keys=True).encode() + b"\n"


def wanted() -> dict[Path, bytes]:
    """Every committed file and its content."""
    function = sources(ROOT / "function")
    archive = build(function)
    files = {ROOT / "dist/function.zip": archive, ROOT / "dist/manifest.json": manifest(function, archive)}
    for folder in sorted({file.parent for file in ROOT.glob("examples/*/*/*.py")}):
        files[folder.with_suffix(".zip")] = build(sources(folder))
    return files


def main() -> int:
    files = wanted()
    if others := sorted({*ROOT.glob("dist/*"), *ROOT.glob("examples/*/*.zip")} - files.keys()):
        program.complain(f"remove what the sources do not build: {', '.join(map(str, others))}")
        return 1
    return program.generate(__doc__, "make package", lambda: files)


if __name__ == "__main__":
    program.run(main)
