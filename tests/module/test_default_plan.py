"""The smallest calls plan what they always did: an option that nobody asked for changes nothing. What has to change is written, to be
reviewed and committed, by

    WRITE=1 python -m pytest tests/module/test_default_plan.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .conftest import Plans

pytestmark = pytest.mark.xdist_group("plans")

FOLDER = Path(__file__).with_name("default_plans")
CALLS = {"three_inputs": "default", "without_queue_and_sweep": "without_queue_and_sweep"}
NOT_THE_MODULES = {"filename", "source_code_hash", "region"}  # this machine's, the function's, provider 6's


def configured(value: Any) -> Any:
    """What is set in a plan: the rest is the provider's, and other versions have other attributes."""
    if isinstance(value, dict):
        return {name: configured(part) for name, part in value.items() if part not in (None, "", [], {}) and name not in NOT_THE_MODULES}
    return [configured(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", CALLS)
def test_an_option_that_is_off_changes_nothing(name: str, planned: Plans) -> None:
    found, kept = configured(planned[CALLS[name]]), FOLDER / f"{name}.json"
    if os.environ.get("WRITE"):
        kept.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    assert found == json.loads(kept.read_text())
