"""The smallest calls plan what they always did: an option that nobody asked for changes nothing. The policies, of which a plan knows little
before there are ARNs, are held by policies.tftest.hcl, runs "by_default" and "without_the_retry_queue".

What has to change is written anew, to be reviewed and committed, by

    WRITE=1 python -m pytest tests/module/test_default_plan.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .test_plans import SMALLEST

FOLDER = Path(__file__).with_name("default_plans")
# The second one's environment holds no queue's URL, so that a plan knows all of it.
CALLS = {"three_inputs": "", "without_queue_and_sweep": SMALLEST}
NOT_THE_MODULES = {"filename", "source_code_hash", "region"}  # this machine's, the function's, provider 6's


def told(value: Any) -> Any:
    """What is set in a plan: the rest is the provider's, and other versions have other attributes."""
    if isinstance(value, dict):
        return {name: told(part) for name, part in value.items() if part not in (None, "", [], {}) and name not in NOT_THE_MODULES}
    return [told(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", CALLS)
def test_an_option_that_nobody_asked_for_changes_nothing(name: str, plan: Callable[..., dict[str, Any]]) -> None:
    planned, kept = told(plan(CALLS[name])), FOLDER / f"{name}.json"
    if os.environ.get("WRITE"):
        kept.write_text(json.dumps(planned, indent=2, sort_keys=True) + "\n")
    assert planned == json.loads(kept.read_text())
