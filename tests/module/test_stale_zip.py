"""The committed zip is what function/ says, or nothing is planned."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.terraform import TerraformError

from .calls import PROVIDER, Call
from .conftest import copied

OWN = 'function = { package = { s3 = { bucket = "packages", key = "disconnect.zip" } } }'


def test_a_stale_zip_is_refused(tmp_path: Path, consumer: Callable[..., Path], run: Callable[..., str]) -> None:
    """A changed source, a new one, or another zip; a package of the consumer's own answers for itself."""
    changed, added, replaced = (copied(tmp_path / name) for name in ("changed", "added", "replaced"))
    with (changed / "function/disconnect.py").open("a") as source:
        source.write("# changed\n")
    (added / "function/new.py").write_text("")
    with (replaced / "dist/function.zip").open("ab") as archive:
        archive.write(b"\0")
    copies = {"changed": Call(module=changed), "added": Call(module=added), "replaced": Call(module=replaced), "own": Call(OWN, added)}
    with pytest.raises(TerraformError) as error:
        run(consumer(copies, PROVIDER), "plan", "-no-color")
    assert "Run `make package` and commit dist/" in re.sub(r"[\s│]+", " ", str(error.value))
    assert set(re.findall(r"(\w+)/modules/lambda-function/main\.tf line \d+, in resource", str(error.value))) == {
        "changed",
        "added",
        "replaced",
    }
