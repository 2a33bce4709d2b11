"""An API has one route for each key; a second one is refused (409 ConflictException).

MiniStack: Any number is accepted, and the first one serves.
Source: https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway

from . import replaces

_create, _update = apigateway._create_route, apigateway._update_route


@replaces(apigateway, "_create_route", "9fffc0fee702")
def create_route(api_id: str, data: dict[str, Any]) -> Any:
    return _taken(api_id, data.get("routeKey", "$default")) or _create(api_id, data)


@replaces(apigateway, "_update_route", "c7242cb3edee")
def update_route(api_id: str, route_id: str, data: dict[str, Any]) -> Any:
    return _taken(api_id, data.get("routeKey"), but=route_id) or _update(api_id, route_id, data)


def _taken(api_id: str, key: str | None, but: str | None = None) -> Any:
    """The refusal, when another route of the API has this key."""
    routes = apigateway._routes.get(api_id, {}).items()
    if any(route["routeKey"] == key and route_id != but for route_id, route in routes):
        return apigateway._apigw_error("ConflictException", f"Route with key {key} already exists for this API", 409)
    return None
