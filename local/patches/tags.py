"""A search by tag finds log groups, APIs with their stages, alarms and event source mappings.

MiniStack: Only some services are searched.
Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, cloudwatch, cloudwatch_logs, lambda_svc, tagging

from . import replaces

Tagged = Iterator[tuple[str, list[dict[str, str]]]]  # each resource's ARN and tags


@replaces(tagging, "_collect_lambda", "f347938fbadc")
def functions_and_mappings(original: Any) -> Tagged:
    yield from original()
    for key, mapping in lambda_svc._esms.items():
        yield f"arn:aws:lambda:{get_region()}:{get_account_id()}:event-source-mapping:{key}", _list(mapping.get("Tags"))


def log_groups() -> Tagged:
    for name, group in cloudwatch_logs._log_groups.items():
        yield f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}", _list(group["tags"])


def apis() -> Tagged:
    for arn, tags in apigateway._api_tags.items():
        yield arn, _list(tags)


def alarms() -> Tagged:
    for arn, tags in cloudwatch._resource_tags.items():
        if f":{get_region()}:" in arn:
            yield arn, _list(tags)


def _list(tags: Any) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


tagging._COLLECTORS.update({"lambda": tagging._collect_lambda, "logs": log_groups, "apigateway": apis, "cloudwatch": alarms})
