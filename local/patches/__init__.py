"""What MiniStack lacks of AWS, one behaviour a module, each tied to the source that it replaces."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

VERSION = "1.5.33"
Value = TypeVar("Value")
_read: dict[tuple[str, str], str] = {}  # what was replaced -> its digest before the first module did, since several may add to it


def replaces(owner: Any, name: str, digest: str) -> Callable[[Value], Value]:
    """Put the decorated function in the place of `owner.name`, if that is still what was read: else stop with an explanation."""
    installed = importlib.metadata.version("ministack")
    found = _read.setdefault((owner.__name__, name), source_digest(getattr(owner, name)))

    def put(value: Value) -> Value:
        if (installed, found) != (VERSION, digest):
            raise SystemExit(
                f"A module of local/patches replaces {owner.__name__}.{name} of MiniStack {VERSION} (source {digest}), but {installed} "
                f"(source {found}) is installed. Read the new source: delete the module if MiniStack now does what its first line "
                "says, else fit it; then renew VERSION and the digest."
            )
        setattr(owner, name, value)
        return value

    return put


def source_digest(value: Any) -> str:
    source = value if isinstance(value, str) else inspect.getsource(value)
    return hashlib.sha256(source.encode()).hexdigest()[:12]
