"""The `$disconnect` route leads to the queue for a while: what arrives there, how late, and that a storm loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tools.clients import spread
from tools.deployment import Watch, until

from . import failures
from .trial import Trial

BACK_WITHIN_S = 300  # batches that find no free function come back after a minute
FIELDS = {"apiId", "stage", "gatewayRequestId", "connectedAt", "durationMs", "sourceIp"}  # those that AWS documents for templates


@contextmanager
def queue_route(trial: Trial) -> Iterator[None]:
    gateway, api = trial.on.aws.client("apigatewayv2"), trial.on.outputs["websocket_api"]["id"]
    queue = trial.on.outputs["disconnect_queue"]
    [way] = [found for found in gateway.get_integrations(ApiId=api)["Items"] if found["IntegrationUri"].endswith(f"/{queue['name']}")]
    [route] = [found for found in gateway.get_routes(ApiId=api)["Items"] if found["RouteKey"] == "$disconnect"]
    gateway.update_route(ApiId=api, RouteId=route["RouteId"], Target=f"integrations/{way['IntegrationId']}")
    try:
        yield
    finally:
        gateway.update_route(ApiId=api, RouteId=route["RouteId"], Target=route["Target"])
        until(lambda: trial.on.messages(queue["url"]), lambda number: not number, BACK_WITHIN_S)


def by_queue(trial: Trial) -> None:
    names = [f"by-queue/{i}" for i in range(2 * trial.each)]
    with queue_route(trial), Watch(trial.on) as watch:
        served = failures.leave_until(trial, watch, "first-by-queue", lambda line: "waitedMs" in line)
        clients = watch.connect(names)
        ids = set(watch.ids(names).values())
        for client in clients:
            client.close(4001, "by the queue")
        watch.wait_until_gone(names)
        lines = [found[0] for found in trial.on.lines_about(ids).values()]
        waited = [line["waitedMs"] / 1000 for line in lines if "waitedMs" in line]
        seen = f"served {served or 'never'}; {len(waited)} of {len(names)} came through it and waited {spread(waited)}"
        trial.saw("queue", len(waited) == len(names), seen)
        missing = sorted(set().union(*(FIELDS - line.keys() for line in lines)))
        code, reason = ({line.get(name, "empty") for line in lines} for name in ("closeCode", "closeReason"))
        seen = f"missing: {', '.join(missing) or 'none'}; code {code}, reason {reason}"
        trial.saw("queue fields", bool(lines) and not missing, seen)
    storm(trial)


def storm(trial: Trial) -> None:
    crowd = [f"queued-storm/{i}" for i in range(max(20, 4 * trial.each))]
    with queue_route(trial):
        lost = failures.end_at_once(trial, crowd, 1, BACK_WITHIN_S)
    trial.saw("queue storm", not lost, f"{len(lost)} of {len(crowd)} lost")


def both_ways(trial: Trial) -> None:
    """The same storm without and with the queue."""
    failures.storm(trial)
    trial.say(f"          without the queue, {len(trial.lost['storm'])} are lost; the demo deletes their records")
    trial.on.delete_records()
    storm(trial)
