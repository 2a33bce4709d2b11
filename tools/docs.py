"""Writes README's tables of inputs and outputs from variables.tf and outputs.tf.

python -m tools.docs           writes them between the markers
python -m tools.docs --check   exits 1 when README is not what would be written
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MARKED = re.compile(r"(?<=<!-- BEGIN_TF_DOCS -->\n).*?(?=<!-- END_TF_DOCS -->)", re.DOTALL)
INCLUDED = re.compile(r"(<!-- BEGIN (\S+\.md) -->\n).*?(<!-- END \2 -->)", re.DOTALL)


def blocks(file: str, kind: str) -> dict[str, dict[str, Any]]:
    """The file's blocks of a kind by name, in the file's order."""
    with (ROOT / file).open() as text:
        return {name.strip('"'): body for block in hcl2.load(text)[kind] for name, body in block.items()}


def arguments(call: str) -> list[str]:
    """Splits "a, f(b, c), {d = e}" at its own commas."""
    parts, depth = [""], 0
    for character in call:
        depth += (character in "({[") - (character in ")}]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def fields(kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The path and default of every attribute of an object type: ("probe.per_second", "10")."""
    inner = re.fullmatch(r"(?:list\()?object\(\{(.*)\}\)\)?", kind, re.DOTALL)
    for attribute in arguments(inner[1]) if inner else []:
        name, of = (part.strip() for part in attribute.split("=", 1))
        default = "required"
        if optional := re.fullmatch(r"optional\((.*)\)", of, re.DOTALL):
            of, default = [*arguments(optional[1]), "null"][:2]
        yield prefix + name, default
        yield from fields(of, f"{prefix}{name}.")


def default(variable: dict[str, Any]) -> str:
    """A variable's default as it would be written, by field for an object."""
    value = variable.get("default", "required")
    whole = "null" if value is None else str(value)
    lines = [f"`{name}` {shown(value)}" for name, value in fields(variable["type"].removeprefix("${").removesuffix("}"))]
    return "<br>".join(lines if lines and whole in ("{}", "required") else [shown(whole), *lines])


def shown(value: str) -> str:
    return "**required**" if value == "required" else f"`{value}`"


def text(description: str) -> str:
    return description.strip('"').replace('\\"', '"').replace("|", "\\|")


def tables() -> str:
    lines = ["| Input | Default, field by field | What it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {default(body)} | {text(body['description'])} |" for name, body in blocks("variables.tf", "variable").items()]
    lines += ["", "| Output | What it is |", "|---|---|"]
    lines += [f"| `{name}` | {text(body['description'])} |" for name, body in blocks("outputs.tf", "output").items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    current = README.read_text()
    if not MARKED.search(current):
        sys.exit("README.md has no markers: put <!-- BEGIN_TF_DOCS --> and <!-- END_TF_DOCS --> on lines of their own")
    wanted = MARKED.sub(lambda _: tables(), current)
    wanted = INCLUDED.sub(lambda found: f"{found[1]}{(ROOT / found[2]).read_text().rstrip()}\n{found[3]}", wanted)
    if "--check" not in sys.argv:
        README.write_text(wanted)
    elif wanted != current:
        sys.exit("README.md is not what variables.tf, outputs.tf and bench/results say: run `python -m tools.docs` and commit README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
