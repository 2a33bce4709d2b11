"""Writes the generated parts of README and docs/, and checks the links.

python -m tools.docs           writes each part between <!-- BEGIN name --> and <!-- END name -->
python -m tools.docs --check   exits 1 if a page is out of date; both exit 1 if a link is broken

`name` is one of GENERATED, or the path of a file to quote: Markdown as it is, everything else as code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hcl2

from . import program
from .program import table
from .terraform import REPOSITORY as ROOT

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md"), *ROOT.glob("modules/**/README.md")})
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)", re.MULTILINE)
GAP = re.compile(r'^ *"""((?:(?!""").)*?)\n\n *MiniStack: ((?:(?!""").)*?)\n *Source: (\S+)\n *"""', re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"(<!-- BEGIN (\S+) -->\n).*?(<!-- END \2 -->)", re.DOTALL)


def blocks(file: str | Path, kind: str) -> dict[str, dict[str, Any]]:
    """The blocks of a kind in a file, by name. A relative path starts at the repository's root."""
    parsed = hcl2.loads((ROOT / file).read_text())
    return {name.strip('"'): body for block in parsed.get(kind, []) for name, body in block.items()}


def type_of(body: dict[str, Any]) -> str:
    return str(body.get("type", "any")).removeprefix("${").removesuffix("}")


def arguments(call: str) -> list[str]:
    """Split "a, f(b, c), {d = e}" at its own commas."""
    parts, depth = [""], 0
    for character in call:
        depth += (character in "({[") - (character in ")}]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


class Field(NamedTuple):
    path: str  # "sweep.probe.per_second"
    type: str  # "number"; an object's fields follow as fields of their own
    default: str  # as it would be written, or "required"


def fields(path: str, kind: str, default: str) -> Iterator[Field]:
    """An input or attribute, and all attributes below it."""
    inner = re.fullmatch(r"(list\()?object\(\{(.*)\}\)\)?", kind, re.DOTALL)
    yield Field(path, ("list(object)" if inner[1] else "object") if inner else kind, default)
    for attribute in arguments(inner[2]) if inner else []:
        name, of = (part.strip() for part in attribute.split("=", 1))
        value = "required"
        if optional := re.fullmatch(r"optional\((.*)\)", of, re.DOTALL):
            of, value = [*arguments(optional[1]), "null"][:2]
        yield from fields(f"{path}.{name}", of, value)


def shown(value: str) -> str:
    return "**required**" if value == "required" else f"`{value}`"


def default(body: dict[str, Any]) -> str:
    """As it would be written in Terraform, or "required"."""
    return str(body["default"]) if body.get("default") is not None else "null" if "default" in body else "required"


def description(body: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The descriptions of an input or output, and of its fields. A field's line starts with "- `name`:"."""
    text = re.sub(r"\A<<-?(\w+)\n(.*?)\n\s*\1\Z", r"\2", body["description"].strip('"').replace('\\"', '"'), flags=re.DOTALL)
    whole, *rest = re.split(r"^\s*- `([\w.]+)`: ", text, flags=re.MULTILINE)
    return _line(whole), {name: _line(of) for name, of in zip(rest[::2], rest[1::2], strict=True)}


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def inputs() -> str:
    """A section for each input, with a row for each field."""
    sections = []
    for name, body in blocks("variables.tf", "variable").items():
        whole, of_field = description(body)
        first, *rest = fields(name, type_of(body), default(body))
        value = "**required**" if first.default == "required" else f"default {shown(first.default)}"
        sections += [f"## `{name}`", whole, f"Type `{first.type}`, {value}."]
        rows = []
        for field in rest:
            path = field.path.removeprefix(f"{name}.")
            rows.append((f"`{path}`", field.type, shown(field.default), of_field.pop(path, "")))
        if rows:
            sections.append(table(("Field", "Type", "Default", "What it is"), rows))
        if of_field:
            sys.exit(f"variables.tf: {name} has no field {', '.join(of_field)}")
    return "\n\n".join(sections)


def interface() -> str:
    """A row for each input and output, for README."""
    variables, outputs = blocks("variables.tf", "variable").items(), blocks("outputs.tf", "output").items()
    rows = ((f"[`{name}`](docs/inputs.md#{name})", shown(default(body)), description(body)[0]) for name, body in variables)
    of_outputs = ((f"`{name}`", description(body)[0]) for name, body in outputs)
    return f"{table(('Input', 'Default', 'What it is'), rows)}\n\n{table(('Output', 'What it is'), of_outputs)}"


def gaps() -> str:
    """A row for each docstring in local/patches that says what AWS does, what MiniStack does, and the source."""
    rows = []
    for path in sorted(ROOT.glob("local/patches/[a-z]*.py")):
        found = GAP.findall(text := path.read_text())
        if not found or len(found) < len(re.findall("^ *MiniStack: ", text, re.MULTILINE)):
            sys.exit(f"{path}: a docstring must say what AWS does, then `MiniStack: …` and `Source: https://…`")
        rows += [(f"`{path.name}`", f"{_line(aws)} ([source]({source}))", _line(ministack)) for aws, ministack, source in found]
    return table(("in `local/patches`", "AWS", "MiniStack"), rows)


def quote(file: str) -> str:
    content = (ROOT / file).read_text().rstrip()
    return content if file.endswith(".md") else f"```{Path(file).suffix[1:]}\n{content}\n```"


GENERATED = {"inputs": inputs, "interface": interface, "local/patches": gaps}


def wanted(page: str) -> str:
    def part(found: re.Match[str]) -> str:
        return f"{found[1]}{GENERATED[found[2]]() if found[2] in GENERATED else quote(found[2])}\n{found[3]}"

    return QUOTED.sub(part, page)


def broken_links(page: Path) -> list[str]:
    """The page's links to missing files and headings."""
    broken = []
    for file, anchor in LINK.findall(page.read_text()):
        target = (page.parent / file).resolve() if file else page
        headings = HEADING.findall(target.read_text().lower()) if anchor and target.exists() else []
        anchors = [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings]  # as GitHub makes them
        if not target.exists() or (anchor and anchor not in anchors):
            broken.append(f"{page.relative_to(ROOT)}: {file}#{anchor}")
    return broken


def main() -> int:
    if broken := [link for page in PAGES for link in broken_links(page)]:
        sys.exit("broken links:\n" + "\n".join(broken))
    return program.generate(__doc__, "make docs", lambda: {page: wanted(page.read_text()).encode() for page in PAGES})


if __name__ == "__main__":
    program.run(main)
