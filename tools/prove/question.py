"""Asks whoever sits there."""

from __future__ import annotations

import sys


def agree(question: str, yes: bool) -> bool:
    """Whether it is answered with yes; `yes` is the answer given beforehand."""
    print(f"{question} yes (YES=1)\n" if yes else f"{question} [y/N] ", end="", flush=True)
    return yes or sys.stdin.readline().strip().lower() in ("y", "yes")
