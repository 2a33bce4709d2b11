"""What is changed in MiniStack is tied to the version that was read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from local import patches


def original() -> int:
    return 1


def replacement() -> int:
    return 2


def owner() -> SimpleNamespace:
    return SimpleNamespace(__name__="service", original=original)


def test_a_function_that_is_as_it_was_read_is_replaced() -> None:
    changed = owner()
    patches.replaces(changed, "original", patches.source_digest(original))(replacement)
    assert changed.original() == 2


def test_what_one_module_replaced_another_may_add_to() -> None:
    changed = owner()
    patches.replaces(changed, "original", patches.source_digest(original))(replacement)
    before = changed.original
    patches.replaces(changed, "original", patches.source_digest(original))(lambda: before() + 1)
    assert changed.original() == 3


def test_a_changed_original_is_not_patched() -> None:
    with pytest.raises(SystemExit, match=r"replaces service.original of MiniStack .* delete the module if"):
        patches.replaces(owner(), "original", "000000000000")(replacement)


def test_another_version_of_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "VERSION", "1.0.0")
    with pytest.raises(SystemExit, match="is installed"):
        patches.replaces(owner(), "original", patches.source_digest(original))(replacement)
