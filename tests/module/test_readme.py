"""The blocks that README shows fit together."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from .calls import PROVIDER, REPOSITORY
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
