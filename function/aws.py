"""boto3's clients, imported and built when first needed: what the fast path can do costs no import of boto3.

Everything that can go wrong with a request (retries with back-off, throttling, credentials, endpoints, errors) is botocore's.
"""

from __future__ import annotations

from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Item = dict[str, dict[str, Any]]  # DynamoDB JSON: {"connectionId": {"S": "…"}}


class Clients:
    """One low-level client per service. `timeout` (s): the wait for a connection, and for an answer; `attempts`: first try and retries."""

    def __init__(self, timeout: float, attempts: int) -> None:
        self._timeout = timeout
        self._attempts = attempts
        self._clients: dict[str, Any] = {}
        self._lock = Lock()  # boto3's clients may be used by several threads at a time, but not made

    def __call__(self, service: str, attempts: int | None = None) -> Any:
        """The client for a service; the first call for a service decides its attempts."""
        with self._lock:
            if service not in self._clients:
                import boto3
                from botocore.config import Config

                retries = {"mode": "standard", "total_max_attempts": attempts or self._attempts}
                config = Config(connect_timeout=self._timeout, read_timeout=self._timeout, retries=retries, max_pool_connections=16)
                self._clients[service] = boto3.client(service, config=config)
            return self._clients[service]


def status_code(error: BaseException) -> int:
    """The HTTP status of a botocore ClientError, or 0 for any other exception."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def text(item: Item, name: str) -> str | None:
    """A string attribute, or None when it is absent, empty or of another type."""
    value = item.get(name, {}).get("S")
    return value if isinstance(value, str) and value else None


def integer(item: Item, name: str) -> int | None:
    """A number attribute as an int (fractions cut), or None when it is absent, of another type, negative or beyond 2**53."""
    value = item.get(name, {}).get("N")
    try:
        number = int(float(value)) if isinstance(value, str) else -1
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**53 else None
