"""DescribeAlarms returns all fields of an alarm, over the Query protocol too.

MiniStack: Most fields are missing there. The Terraform provider before 6.50 uses that protocol and plans the same change for ever.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
"""

from __future__ import annotations

import json
import time
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from . import replaces

_describe = cloudwatch._describe_alarms


@replaces(cloudwatch, "_describe_alarms", "ab8f092ff9ae")
def describe_alarms(params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    if is_cbor or is_json:
        return _describe(params, data, is_cbor, is_json)
    asked: dict[str, Any] = {}
    for key, value in params.items():
        name, _, position = key.partition(".member.")
        value = value[0] if isinstance(value, list) else value
        asked[name] = [*asked.get(name, []), value] if position else value
    status, _head, answer = _describe(params, asked, False, True)
    if status != 200:
        return _describe(params, data, is_cbor, is_json)
    return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{_xml(json.loads(answer))}</DescribeAlarmsResult>")


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        fields = {name: _iso(v) if name.endswith("Timestamp") else v for name, v in value.items() if v not in (None, "") and name[0] != "_"}
        return "".join(f"<{name}>{_xml(v)}</{name}>" for name, v in fields.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(v)}</member>" for v in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def _iso(epoch_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_seconds))
