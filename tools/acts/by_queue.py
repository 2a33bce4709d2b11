"""The route leads to the disconnect queue for a while: what arrives there, how late, and that no storm loses anybody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.clients import Client, open_clients, spread
from tools.deployment import Watch, until

from . import failures
from .failures import end_at_once
from .trial import Trial

SERVED_WITHIN_S = 120
BACK_WITHIN_S = 300  # batches that find no free function come back after a minute
FIELDS = {"apiId", "stage", "gatewayRequestId", "connectedAt", "durationMs", "sourceIp"}  # what is documented for templates


@contextmanager
def queue_route(trial: Trial) -> Iterator[None]:
    """`$disconnect` leads to the queue that disconnect_queue keeps."""
    gateway, api = trial.on.aws.client("apigatewayv2"), trial.on.outputs["websocket_api"]["id"]
    queue = trial.on.outputs["disconnect_queue"]["name"]
    [way] = [found for found in gateway.get_integrations(ApiId=api)["Items"] if found["IntegrationUri"].endswith(f"/{queue}")]
    [route] = [found for found in gateway.get_routes(ApiId=api)["Items"] if found["RouteKey"] == "$disconnect"]
    gateway.update_route(ApiId=api, RouteId=route["RouteId"], Target=f"integrations/{way['IntegrationId']}")
    try:
        yield
    finally:
        gateway.update_route(ApiId=api, RouteId=route["RouteId"], Target=route["Target"])
        until(lambda: trial.on.messages(trial.on.outputs["disconnect_queue"]["url"]), lambda number: not number, BACK_WITHIN_S)


def by_queue(trial: Trial) -> None:
    names = [f"by-queue/{i}" for i in range(2 * trial.each)]
    with queue_route(trial), Watch(trial.on) as watch:
        served = _until_served(trial, watch)
        clients = open_clients(trial.on.url, names)
        watch.wait_until_there(names)
        ids = set(watch.ids(names).values())
        for client in clients:
            client.close(4001, "by the queue")
        watch.wait_until_gone(names, 60)
        lines = [found[0] for found in trial.on.lines_about(ids).values()]
        waited = [line["waitedMs"] / 1000 for line in lines if "waitedMs" in line]
        seen = f"{served}; {len(waited)} of {len(names)} by the queue, where they waited {spread(waited) if waited else 'for ever'}"
        trial.saw("queue", len(waited) == len(names), seen)
        missing = sorted(set().union(*(FIELDS - line.keys() for line in lines)))
        code, reason = ({line.get(name, "empty") for line in lines} for name in ("closeCode", "closeReason"))
        seen = f"missing: {', '.join(missing) or 'none'}; code {code}, reason {reason}"
        trial.saw("queue fields", bool(lines) and not missing, seen)
    storm(trial)


def storm(trial: Trial) -> None:
    """Where the queue has been tried already; in make demo it is tried by this alone."""
    crowd = [f"queued-storm/{i}" for i in range(max(20, 4 * trial.each))]
    with queue_route(trial):
        lost = end_at_once(trial, crowd, 1, BACK_WITHIN_S)
    trial.saw("queue storm", not lost, f"{len(lost)} of {len(crowd)} lost")


def both_ways(trial: Trial) -> None:
    """The same storm by the function, which loses whatever finds it busy, and by the queue."""
    failures.storm(trial)
    trial.say(f"          by the function, {len(trial.lost['storm'])} are lost; their records are deleted by hand")
    trial.on.delete_records()
    storm(trial)


def _until_served(trial: Trial, watch: Watch) -> str:
    """A stage deploys by itself, in its own time: clients leave one by one until one's line says how long its message had waited."""
    started = time.monotonic()
    for attempt in range(1, 40):
        name = f"first-by-queue/{attempt}"
        client = Client(trial.on.url, name)
        watch.wait_until_there([name])
        ids = set(watch.ids([name]).values())
        client.close()
        if any("waitedMs" in line for lines in trial.on.lines_about(ids).values() for line in lines):
            return f"at attempt {attempt}, {time.monotonic() - started:.0f} s after the route led there"
        if time.monotonic() > started + SERVED_WITHIN_S:
            break
    return "never"
