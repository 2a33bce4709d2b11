"""Markdown tables, for reports and generated pages."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table without a final newline. Each cell is written as str() gives it."""
    names = list(header)
    lines = [_line(names), "|" + "---|" * len(names), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
