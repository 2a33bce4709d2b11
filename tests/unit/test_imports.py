"""What needs what among the functions' modules."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import closing

FUNCTION = Path(closing.__file__).parent


def imported(source: str) -> set[str]:
    """The modules that a file imports when it runs, at its top or later: not those for types alone."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_no_two_modules_need_each_other() -> None:
    """Neither directly nor around corners: else the order of imports decides whether there is a function at all."""
    TopologicalSorter({path.stem: imported(path.read_text()) for path in FUNCTION.glob("*.py")}).prepare()
