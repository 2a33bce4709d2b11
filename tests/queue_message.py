"""A `$disconnect` as the template of modules/disconnect-route writes it into the disconnect queue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus

ROUTE = Path(__file__).parent.parent / "modules/disconnect-route/main.tf"


def variables() -> list[str]:
    """The names of the `$context` variables that the template sends."""
    return re.findall(r'"([\w.]+)"', re.search(r"variables = \[(.*?)\]", ROUTE.read_text(), re.DOTALL)[1])  # type: ignore[index]


def java_encoded(text: str) -> str:
    """`$util.urlEncode`: java.net.URLEncoder, which writes "?" for half of a surrogate pair."""
    return quote_plus(text.encode("utf-8", "replace"), safe="*").replace("~", "%7E")


def rendered(context: dict[str, Any]) -> str:
    """The message that SQS has after the template's request, in which every value is encoded twice."""
    request = "Action=SendMessage&MessageBody="
    for number, name in enumerate(variables()):
        value: Any = context
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        request += f"{'%26' if number else ''}{name}%3D{java_encoded(java_encoded('' if value is None else str(value)))}"
    return parse_qs(request)["MessageBody"][0]
