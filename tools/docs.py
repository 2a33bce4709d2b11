"""Writes what README and docs/ generate or quote: the tables of inputs and outputs, and files of this repository.

python -m tools.docs           writes it between the markers
python -m tools.docs --check   exits 1 when a page is not what would be written; either way 1 when a link leads nowhere

A page quotes a file, Markdown as it is and everything else as code, between <!-- BEGIN path --> and <!-- END path -->.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md"), *ROOT.glob("modules/**/README.md")})
MARKED = re.compile(r"(?<=<!-- BEGIN_TF_DOCS -->\n).*?(?=<!-- END_TF_DOCS -->)", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)", re.MULTILINE)
QUOTED = re.compile(r"(<!-- BEGIN (\S+) -->\n).*?(<!-- END \2 -->)", re.DOTALL)


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


def quote(file: str) -> str:
    content = (ROOT / file).read_text().rstrip()
    return content if file.endswith(".md") else f"```{Path(file).suffix[1:]}\n{content}\n```"


def wanted(page: str) -> str:
    page = MARKED.sub(lambda _: tables(), page)
    return QUOTED.sub(lambda found: f"{found[1]}{quote(found[2])}\n{found[3]}", page)


def broken_links(page: Path) -> list[str]:
    """The page's links to files that are not there, and to headings that no page has."""
    broken = []
    for file, anchor in LINK.findall(page.read_text()):
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in map(slug, HEADING.findall(target.read_text()))):
            broken.append(f"{page.relative_to(ROOT)}: {file}#{anchor}")
    return broken


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main() -> int:
    if broken := [link for page in PAGES for link in broken_links(page)]:
        sys.exit("links that lead nowhere:\n" + "\n".join(broken))
    stale = {page: new for page in PAGES if (new := wanted(page.read_text())) != page.read_text()}
    if "--check" in sys.argv and stale:
        names = ", ".join(str(page.relative_to(ROOT)) for page in stale)
        sys.exit(f"not what the files they quote say: {names}. Run `python -m tools.docs` and commit")
    for page, text in stale.items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
