"""What README shows: blocks that fit together, and what the module costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import bill, report

from .calls import readme
from .conftest import Plans


@pytest.mark.xdist_group("plans")  # to plan once
def test_call_deployment_and_stage_are_no_cycle(planned: Plans) -> None:
    assert re.findall(r'^resource "aws_apigatewayv2_(\w+)"', readme(), re.MULTILINE) == ["api", "deployment", "stage"]
    assert planned["disconnect"].keys() == planned["default"].keys()


def test_the_committed_bill_is_what_its_program_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(report, "save", written.__setitem__)
    bill.main()
    assert len(written) == 3
    assert {name: Path(report.RESULTS, name).read_text() for name in written} == written
