"""An integration that a route still uses cannot be deleted (409 ConflictException).

MiniStack: It is deleted, and the route has no target.
Source: https://github.com/milliHQ/terraform-aws-next-js/issues/247
"""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway

from . import replaces

_delete = apigateway._delete_integration


@replaces(apigateway, "_delete_integration", "de8602893260")
def delete_integration(api_id: str, integration_id: str) -> Any:
    routes = apigateway._routes.get(api_id, {}).items()
    using = [route_id for route_id, route in routes if route.get("target") == f"integrations/{integration_id}"]
    if not using:
        return _delete(api_id, integration_id)
    message = f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{', '.join(using)}]"
    return apigateway._apigw_error("ConflictException", message, 409)
