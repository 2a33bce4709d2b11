"""Fields of a module call that the module does not have. Terraform ignores them: `sweep = { prob = {} }` has no probe."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .docs import blocks, fields, type_of
from .terraform import REPOSITORY

NAME = "terraform-aws-websocket-disconnect"  # in the source of a call that is not a local path


def unknown(folder: Path) -> list[str]:
    """A line for each unknown field in the folder's calls of local modules, and of this module wherever it comes from."""
    found = []
    for file in sorted(folder.glob("*.tf")):
        for name, call in blocks(file, "module").items():
            source = str(call["source"]).strip('"')
            if source.startswith((".", "/")):
                module = folder / source
            elif NAME in source:
                module = REPOSITORY / source.partition("?")[0].partition(f"{NAME}.git//" if ".git//" in source else f"{NAME}//")[2]
            else:
                continue
            for variable, known in _inputs(module.resolve()).items():
                found += [f"{file.name}: module {name}: {line}" for line in _of_value(call.get(variable), variable, known)]
    return found


@cache
def _inputs(module: Path) -> dict[str, dict[str, str]]:
    """By input of the module, its type and those of its fields."""
    variables = [each for part in sorted(module.glob("*.tf")) for each in blocks(part, "variable").items()]
    return {name: {field.path: field.type for field in fields(name, type_of(body), "")} for name, body in variables}


def _of_value(value: Any, path: str, known: dict[str, str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _of_value(item, path, known)
    elif isinstance(value, dict) and "object" in known[path]:
        siblings = [name.removeprefix(f"{path}.") for name in known if name.rpartition(".")[0] == path]
        for key, part in value.items():
            field = key.strip('"')
            if field in siblings:
                yield from _of_value(part, f"{path}.{field}", known)
            elif not field.startswith("__"):  # the parser's own
                [meant] = difflib.get_close_matches(field, siblings, n=1) or [""]
                advice = f"did you mean {meant}?" if meant else f"there are {', '.join(siblings)}"
                yield f"{path}.{field} is unknown, and ignored: {advice}"
