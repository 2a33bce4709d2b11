"""The AWS CLI's commands in a page of docs/, run by boto3."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from local.aws import REPOSITORY


def commands(page: str) -> list[str]:
    return re.findall(r"^ *(aws .*)", (REPOSITORY / "docs" / page).read_text(), re.MULTILINE)


def fill(command: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        command = re.sub(rf"\b{word}\b", value.replace("\\", r"\\"), command)
    return command


def run(command: str, client: Callable[..., Any]) -> dict[str, Any]:
    """What the CLI does: options are members of the request, with all the values that follow; `client` makes a service's client."""
    _, service, operation, *words = shlex.split(command, comments=True)
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word[2:]] = []
        else:
            options[list(options)[-1]].append(word)
    endpoint = options.pop("endpoint-url", None)
    made = client(service, **({"endpoint_url": endpoint[0]} if endpoint else {}))
    method = operation.replace("-", "_")
    shape = made.meta.service_model.operation_model(made.meta.method_to_api_mapping[method]).input_shape
    members = {xform_name(name, "-"): (name, member.type_name) for name, member in shape.members.items()}
    return dict(getattr(made, method)(**{members[name][0]: _value(values, members[name][1]) for name, values in options.items()}))


def _value(values: list[str], kind: str) -> Any:
    if kind == "list":
        return values
    return values[0] if kind == "string" else json.loads(values[0])
