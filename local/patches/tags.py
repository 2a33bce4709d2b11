"""A search by tag finds log groups, APIs with their stages, alarms and event source mappings.

MiniStack: Only some services are searched.
Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, cloudwatch, cloudwatch_logs, lambda_svc, tagging


def others() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Each resource's ARN and tags."""
    region, account = get_region(), get_account_id()
    tags: dict[str, Any] = dict(apigateway._api_tags.items())
    tags |= {arn: its for arn, its in cloudwatch._resource_tags.items() if f":{region}:" in arn}
    tags |= {f"arn:aws:logs:{region}:{account}:log-group:{name}": group["tags"] for name, group in cloudwatch_logs._log_groups.items()}
    mapping = f"arn:aws:lambda:{region}:{account}:event-source-mapping"
    tags |= {f"{mapping}:{key}": its.get("Tags") for key, its in lambda_svc._esms.items()}
    for arn, its in tags.items():
        yield arn, tagging._normalise_flat(its)


tagging._COLLECTORS["others"] = others
