"""Asks API Gateway whether a connection is still open: GET @connections/{connectionId}.

A 410 can also come before `$connect` has finished, so a young record (record.py) is never asked about.
The endpoint is AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, which botocore reads by itself. The rate limit is in keep_pace.py.
"""

from __future__ import annotations

from aws import status_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients

ALIVE = "alive"
GONE = "gone"
THROTTLED = "throttled"  # 429: production traffic needs the quota
REFUSED = "refused"  # 403, 5xx, a time-out …: nothing is known

AGAIN_S = 45  # before asking about a connection again: longer than `$connect` may take (29 s), and longer than an answer stays wrong


class Probe:
    """Asks about connections and disconnects them, with one request each. Only a request that a kept-alive connection broke is repeated."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self.refusal = ""  # the last reason why nothing is known

    def ask(self, connection_id: str) -> str:
        """ALIVE, GONE, THROTTLED or REFUSED; never raises."""
        return self._answer("get_connection", connection_id)

    def disconnect(self, connection_id: str) -> str:
        """Closes the socket: ALIVE when it was open until now, else as `ask`."""
        return self._answer("delete_connection", connection_id)

    def _answer(self, operation: str, connection_id: str) -> str:
        try:
            self._send(operation, connection_id)
        except Exception as problem:
            if status_code(problem) == 410:
                return GONE
            self.refusal = f"{type(problem).__name__}: {problem}"
            return THROTTLED if status_code(problem) == 429 else REFUSED
        return ALIVE

    def _send(self, operation: str, connection_id: str) -> None:
        """Lambda purges idle connections, so the first request after a pause can fail without an answer. Source: Lambda developer guide,
        "Best practices", on keep-alive."""
        client = self._clients("apigatewaymanagementapi", attempts=1)
        from botocore.exceptions import ConnectionClosedError

        try:
            getattr(client, operation)(ConnectionId=connection_id)
        except ConnectionClosedError:
            client.close()  # its other kept-alive connections are as old
            getattr(client, operation)(ConnectionId=connection_id)
