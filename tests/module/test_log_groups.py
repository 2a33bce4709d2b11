"""A function's log group keeps what its lines need: its class for life, and itself beyond a destroy where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.aws import LocalAws
from tools.terraform import TerraformError

from .test_tables import Consumer

INPUTS = """
  name        = "classy"
  description = "Does nothing"
  handler     = "disconnect.lambda_handler"
  timeout     = 10
  logs        = {{ class = "{}", skip_destroy = true }}
"""


def test_another_log_class_is_refused_and_skip_destroy_works(aws: LocalAws, tmp_path: Path) -> None:
    consumer = Consumer(tmp_path, aws)
    consumer.apply("lambda-function", INPUTS.format("INFREQUENT_ACCESS"))
    consumer.call("lambda-function", INPUTS.format("STANDARD"))
    with pytest.raises(TerraformError, match=r"is of class\s+INFREQUENT_ACCESS"):
        consumer.root.apply()
    consumer.root.destroy()
    [group] = aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/classy")["logGroups"]
    assert group["logGroupClass"] == "INFREQUENT_ACCESS"
