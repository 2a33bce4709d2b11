"""Fields of a module call that the module does not have. Terraform ignores them: `sweep = { prob = {} }` has no probe."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

from .docs import Field, fields
from .terraform import REPOSITORY

NAME = "terraform-aws-websocket-disconnect"  # in the source of a call that is not a local path


def unknown(folder: Path) -> list[str]:
    """A line for each unknown field in the folder's calls of local modules, and of this module wherever it comes from."""
    found = []
    for file in sorted(folder.glob("*.tf")):
        for blocks in hcl2.loads(file.read_text()).get("module", []):
            for quoted, call in blocks.items():
                name = quoted.strip('"')
                if source := _source(folder, str(call["source"]).strip('"')):
                    found += [f"{file.name}: module {name}: {line}" for line in _of_call(call, source)]
    return found


def _source(folder: Path, source: str) -> Path | None:
    """Where the module's variables are."""
    if source.startswith((".", "/")):
        return folder / source
    if NAME not in source:
        return None
    return REPOSITORY / source.partition("?")[0].partition(f"{NAME}.git//" if ".git//" in source else f"{NAME}//")[2]


def _of_call(call: dict[str, Any], module: Path) -> Iterator[str]:
    for file in sorted(module.glob("*.tf")):
        for blocks in hcl2.loads(file.read_text()).get("variable", []):
            for quoted, body in blocks.items():
                name, kind = quoted.strip('"'), str(body.get("type", "any")).removeprefix("${").removesuffix("}")
                yield from _of_value(call.get(name), name, {field.path: field for field in fields(name, kind, "")})


def _of_value(value: Any, path: str, known: dict[str, Field]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _of_value(item, path, known)
    elif isinstance(value, dict) and "object" in known[path].type:
        siblings = [name.removeprefix(f"{path}.") for name in known if name.rpartition(".")[0] == path]
        for key, part in value.items():
            field = key.strip('"')
            if field.startswith("__"):  # the parser's own
                continue
            if field in siblings:
                yield from _of_value(part, f"{path}.{field}", known)
            else:
                [meant] = difflib.get_close_matches(field, siblings, n=1) or [""]
                yield f"{path}.{field} is unknown, and ignored: " + (
                    f"did you mean {meant}?" if meant else f"there are {', '.join(siblings)}"
                )
