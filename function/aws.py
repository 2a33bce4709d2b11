"""boto3's clients, imported and built when first needed, so that the fast path does not import boto3.

botocore handles everything that can go wrong with a request (retries with back-off, throttling, credentials, endpoints, errors), with one
exception: it takes an answer that is cut off or has no body for an empty one ("there is no such record"), and accepts a wrong checksum on
the last attempt.
"""

from __future__ import annotations

import time
from binascii import crc32
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

THROTTLED = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")


class Clients:
    """One low-level client per service. `timeout` (s) limits connecting and waiting for an answer; `attempts` counts the first try and the
    retries."""

    def __init__(self, timeout: float, attempts: int) -> None:
        self._timeout = timeout
        self._attempts = attempts
        self._clients: dict[str, Any] = {}
        self._lock = Lock()  # several threads may use a boto3 client, but creating one is not thread-safe

    def __call__(self, service: str, attempts: int | None = None) -> Any:
        """The client for a service. The first call for a service sets its attempts."""
        with self._lock:
            if service not in self._clients:
                import boto3
                from botocore.config import Config

                retries = {"mode": "standard", "total_max_attempts": attempts or self._attempts}
                config = Config(connect_timeout=self._timeout, read_timeout=self._timeout, retries=retries, max_pool_connections=16)
                client = boto3.client(service, config=config)
                client.meta.events.register_first("needs-retry.dynamodb", _refuse_unless(_has_its_checksum))
                client.meta.events.register_first("needs-retry.sqs.SendMessage", _refuse_unless(_names_the_message))
                self._clients[service] = client
            return self._clients[service]


def _refuse_unless(is_whole: Callable[[Any, dict[str, Any]], bool]) -> Callable[..., None]:
    """A botocore handler that turns an incomplete success into a server error, so that it is retried and finally raised."""

    def refuse(response: tuple[Any, dict[str, Any]] | None, **_: object) -> None:
        if response is not None and response[0].status_code < 300 and not is_whole(*response):
            http, parsed = response
            parsed["Error"] = {"Code": "NotWhole", "Message": f"the answer (HTTP {http.status_code}) is incomplete"}
            http.status_code = 500

    return refuse


def _has_its_checksum(http: Any, parsed: dict[str, Any]) -> bool:
    """Source: DynamoDB API reference, the sample response of every operation."""
    return bool(http.headers.get("x-amz-crc32") == str(crc32(http.content)))


def _names_the_message(http: Any, parsed: dict[str, Any]) -> bool:
    """Source: SQS API reference, SendMessage: it has a MessageId."""
    return "MessageId" in parsed


def is_throttled(error: BaseException) -> bool:
    """Whether DynamoDB throttled a request. Source: DynamoDB developer guide, "Error handling with DynamoDB"."""
    response = getattr(error, "response", None) or {}
    return response.get("Error", {}).get("Code") in THROTTLED


def in_time(deadline: float) -> bool:
    """True; raises TimeoutError after the deadline (s, time.monotonic())."""
    if time.monotonic() >= deadline:
        raise TimeoutError("out of time")
    return True


def status_code(error: BaseException) -> int:
    """The HTTP status of a botocore ClientError, or 0 for any other exception."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0
