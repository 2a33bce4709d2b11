"""What a consumer writes around the call: the blocks that README shows fit together, and a test replaces the whole module."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from .calls import PROVIDER, REPOSITORY, Call
from .conftest import ROOT

API = """
resource "aws_apigatewayv2_api" "ws" {
  name                       = "chat"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}
"""


def test_call_deployment_and_stage_are_no_cycle(tmp_path: Path, run: Callable[..., str]) -> None:
    section = (REPOSITORY / "README.md").read_text().split("\n## Use it\n")[1].split("\n## ")[0]
    blocks = "\n".join(textwrap.dedent(block) for block in re.findall(r"^ *```hcl\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL))
    assert re.findall(r'^(?:module|resource "\w+") ', blocks, re.MULTILINE) == [
        "module ",
        'resource "aws_apigatewayv2_deployment" ',
        'resource "aws_apigatewayv2_stage" ',
    ]
    text = re.sub(r'source = "\./.*?"', f'source = "{REPOSITORY}"', blocks)
    (tmp_path / "main.tf").write_text(ROOT + PROVIDER + API + text)
    run(tmp_path, "init", "-no-color")
    run(tmp_path, "validate", "-no-color")


def test_a_consumers_tests_replace_the_module(consumer: Callable[..., Path], run: Callable[..., str]) -> None:
    """As docs/changing.md says of `terraform test`."""
    output = 'output "route" {\n  value = module.disconnect.route_id\n}\n'
    replaced = 'override_module {\n  target = module.disconnect\n  outputs = { route_id = "mocked" }\n}\n'
    check = 'assert {\n    condition = output.route == "mocked"\n    error_message = output.route\n  }'
    theirs = f'mock_provider "aws" {{}}\n{replaced}run "apply" {{\n  {check}\n}}\n'
    assert "1 passed, 0 failed" in run(consumer({"disconnect": Call()}, output, theirs=theirs), "test", "-no-color")
