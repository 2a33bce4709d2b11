"""What MiniStack lacks of AWS. Each patch is tied to the source that it replaces, and its docstring is a row of docs/local-aws.md."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

VERSION = "1.5.33"
Patch = TypeVar("Patch", bound=Callable[..., Any])


def replaces(owner: Any, name: str, digest: str) -> Callable[[Patch], Patch]:
    """Put the decorated function in the place of `owner.name`, if that is what was read. Its first argument is what it replaces."""
    original = getattr(owner, name)
    require(owner, name, digest)

    def put(patch: Patch) -> Patch:
        @functools.wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            return patch(original, *args, **kwargs)

        setattr(owner, name, patched)
        return patch

    return put


def require(owner: Any, name: str, digest: str) -> None:
    """End with an explanation unless the source of `owner.name` is the one that was read, whatever has replaced it since."""
    installed, found = importlib.metadata.version("ministack"), source_digest(getattr(owner, name))
    if (installed, found) != (VERSION, digest):
        raise SystemExit(
            f"local/patches replaces {owner.__name__}.{name} of MiniStack {VERSION} (source {digest}), but {installed} (source {found}) is "
            "installed. Read the new source: delete the patch if MiniStack now does what its docstring says, else adapt it; then update "
            "VERSION and the digest."
        )


def source_digest(value: Any) -> str:
    source = value if isinstance(value, str) else inspect.getsource(inspect.unwrap(value))
    return hashlib.sha256(source.encode()).hexdigest()[:12]
