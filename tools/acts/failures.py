"""A `$disconnect` fails, is lost, or finds no free function. With the queue, a storm loses none."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from botocore.exceptions import ClientError

from local.aws import LocalAws, is_disconnect
from local.fault_proxy import Fault, Request
from tools.clients import Client, ClientProcess, spread
from tools.deployment import FUNCTIONS, Line, Watch, until

from .trial import Trial

OUTAGE_S = 10
QUIET_S = 8  # after the last record went: the rest was never reported
STATEMENT = "RemoveRecord"
TRIES, IN_FORCE_WITHIN_S = 40, 120  # until a change must be in force
RETRIED_WITHIN_S = 900  # the longest that a message is hidden
BACK_WITHIN_S = 300  # batches that find no free function come back after a minute
FIELDS = {"apiId", "stage", "gatewayRequestId", "connectedAt", "durationMs", "sourceIp"}  # those that AWS documents for templates


def losing(trial: Trial, ids: set[str] | None = None) -> Fault:
    """On the local AWS, API Gateway loses the `$disconnect` of these connections, or all."""
    assert isinstance(trial.on.aws, LocalAws)

    def is_lost(request: Request) -> bool:
        return is_disconnect(request) and (ids is None or request.json["requestContext"]["connectionId"] in ids)

    return trial.on.aws.faults.fail("lambda", "cut", where=is_lost)


def outage(trial: Trial) -> None:
    """On the local AWS, DynamoDB fails for the functions while clients leave, and API Gateway loses some of their `$disconnect`."""
    assert isinstance(trial.on.aws, LocalAws)
    names = [f"unlucky-{i}" for i in range(4 * trial.each)]
    lost = set(names[: len(names) // 2])
    rest = set(names) - lost

    def errors() -> int:
        return trial.on.metric("AWS/Lambda", "Errors", FunctionName=trial.on.function("disconnect"))

    with Watch(trial.on) as watch:
        clients = watch.connect(names)
        others, before = watch.records.keys() - set(names), errors()
        event = f"DynamoDB fails every call for {OUTAGE_S} s; {len(names)} clients leave; API Gateway loses {len(lost)} $disconnect events"
        with losing(trial, set(watch.ids(lost).values())) as losses:
            with trial.step(event), trial.on.aws.faults.fail("dynamodb", "InternalServerError"):
                back_at = time.monotonic() + OUTAGE_S
                for client in clients:
                    client.close()
                watch.wait_for(lambda: time.monotonic() >= back_at, OUTAGE_S)
            # An invocation that can't reach the retry queue in time fails, and counts as lost.
            kept = until(lambda: len(rest & watch.records.keys()) - errors() + before, lambda number: number <= 0, RETRIED_WITHIN_S)
            until(lambda: trial.on.messages(trial.on.retry_queue), lambda number: number == 0, RETRIED_WITHIN_S)
        gone = rest & watch.gone_at.keys()
        after = max((watch.gone_at[name] for name in gone), default=back_at) - back_at
        buried = trial.on.messages(trial.on.dead_letters)
        seen = f"{len(gone)} of {len(rest)} removed, the last {after:.1f} s after DynamoDB was back; {buried} dead letters"
        trial.saw("queued", bool(gone) and kept <= 0 and not buried, seen)
        still = watch.records.keys() - others
        seen = f"{losses.hits} of {len(lost)} events lost, {len(still)} records still there"
        trial.saw("lost", losses.hits == len(lost) and lost <= still, seen)
    trial.lost["outage"] = sorted(still)


def lose(trial: Trial, why: str, number: int) -> None:
    """On the local AWS, a process with this many connections is killed, and none of their `$disconnect` arrives."""
    names = [f"{why.replace(' ', '-')}-{i}" for i in range(number)]
    with Watch(trial.on) as watch, ClientProcess(trial.on.url, names) as process, losing(trial) as losses:
        watch.wait_until_there(names)
        process.kill()
        watch.wait_for(lambda: losses.hits == number, 30)
        still = watch.records.keys() & set(names)
        everybody = len(watch.records)
    seen = f"a process with {number} of {everybody} connections is killed, {losses.hits} events lost, {len(still)} records still there"
    trial.saw("lost", losses.hits == number == len(still), seen)
    trial.lost[why] = names


def deny(trial: Trial) -> None:
    """Both functions lose the permission to remove a record, so that retries fail as well, until they get it back."""
    names = [f"not-allowed/{i}" for i in range(2 * trial.each)]
    with Watch(trial.on) as watch:
        with ExitStack() as away, trial.step("the permission to remove a record is taken away, clients leave, and it is given back"):
            for which in FUNCTIONS:
                away.enter_context(trial.on.without_statement(trial.on.role(which), STATEMENT))
            denied = leave_until(trial, watch, "may-be-allowed", lambda line: "AccessDenied" in line.get("error", ""))
            clients = watch.connect(names)
            ids = set(watch.ids(names).values())
            for client in clients:
                client.close()
            queued = sum(lines[-1]["outcome"] == "queued" for lines in trial.on.lines_about(ids).values())
            waiting = until(lambda: trial.on.messages(trial.on.retry_queue), bool, 30)
        given_back = time.monotonic()
        trial.saw("denied", bool(denied), f"AccessDeniedException {denied}" if denied else "it was removed all the same")
        with trial.step("the queue retries"):
            gone = watch.wait_for(lambda: not any("allowed/" in name for name in watch.records), RETRIED_WITHIN_S)
        buried = trial.on.messages(trial.on.dead_letters)
        seen = f"{queued} of {len(names)} were queued ({waiting} messages at once), {'all' if gone else 'not all'} removed after "
        held = queued == len(names) and gone and not buried
        trial.saw("queued", held, f"{seen}{time.monotonic() - given_back:.0f} s, {buried} dead letters")


def leave_until(trial: Trial, watch: Watch, name: str, enough: Callable[[Line], bool]) -> str:
    """Changes in AWS take effect late: clients leave one by one until one's log line is enough. Returns when that was, "" if never."""
    started = time.monotonic()
    for attempt in range(1, TRIES + 1):
        [client] = watch.connect([f"{name}/{attempt}"])
        connection_id = watch.ids([client.name])[client.name]
        client.close()
        if enough(trial.on.lines_about({connection_id}).get(connection_id, [{}])[0]):
            return f"at attempt {attempt}, after {time.monotonic() - started:.0f} s"
        if time.monotonic() > started + IN_FORCE_WITHIN_S:
            break
    return ""


def storm(trial: Trial) -> None:
    """Many leave while one can be served at a time."""
    trial.lost["storm"] = end_at_once(trial, [f"storm/{i}" for i in range(max(20, 4 * trial.each))], 1)


def stop(trial: Trial) -> None:
    """Some leave while none can be served."""
    trial.lost["stop"] = end_at_once(trial, [f"stopped/{i}" for i in range(max(4, 2 * trial.each))], 0)


def end_at_once(trial: Trial, names: list[str], executions: int, seconds: float = 0) -> list[str]:
    """All clients leave at once, with this many reserved executions. Returns who is still in the table after so long, or when nothing
    changes any more."""
    with Watch(trial.on) as watch, ExitStack() as meanwhile:
        clients = watch.connect(names)
        meanwhile.enter_context(trial.step(f"{len(names)} clients leave at once; reserved executions: {executions}"))
        try:
            meanwhile.enter_context(trial.on.reserved("disconnect", executions))
        except ClientError as problem:  # a new account has none to reserve
            trial.say(f"          {problem}")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Client.close, clients))
        if not watch.wait_until_gone(names, seconds):
            while watch.wait_for_fewer(QUIET_S):
                pass
        return [name for name in names if name in watch.records]


def queue_route(trial: Trial) -> ExitStack:
    """The route leads to the queue for as long as a block runs."""
    gateway, api = trial.on.aws.client("apigatewayv2"), trial.on.outputs["websocket_api"]["id"]
    queue = trial.on.outputs["disconnect_queue"]
    [way] = [found for found in gateway.get_integrations(ApiId=api)["Items"] if found["IntegrationUri"].endswith(f"/{queue['name']}")]
    [route] = [found for found in gateway.get_routes(ApiId=api)["Items"] if found["RouteKey"] == "$disconnect"]
    undone = ExitStack()
    undone.callback(until, lambda: trial.on.messages(queue["url"]), lambda number: not number, BACK_WITHIN_S)
    undone.callback(gateway.update_route, ApiId=api, RouteId=route["RouteId"], Target=route["Target"])
    gateway.update_route(ApiId=api, RouteId=route["RouteId"], Target=f"integrations/{way['IntegrationId']}")
    return undone


def by_queue(trial: Trial) -> None:
    names = [f"by-queue/{i}" for i in range(2 * trial.each)]
    with queue_route(trial), Watch(trial.on) as watch:
        served = leave_until(trial, watch, "first-by-queue", lambda line: "waitedMs" in line)
        clients = watch.connect(names)
        ids = set(watch.ids(names).values())
        watch.leave(clients, 4001, "by the queue")
        lines = [found[0] for found in trial.on.lines_about(ids).values()]
        waited = [line["waitedMs"] / 1000 for line in lines if "waitedMs" in line]
        seen = f"served {served or 'never'}; {len(waited)} of {len(names)} came through it and waited {spread(waited)}"
        trial.saw("queue", len(waited) == len(names), seen)
        missing = sorted(set().union(*(FIELDS - line.keys() for line in lines)))
        code, reason = ({line.get(name, "empty") for line in lines} for name in ("closeCode", "closeReason"))
        seen = f"missing: {', '.join(missing) or 'none'}; code {code}, reason {reason}"
        trial.saw("queue fields", bool(lines) and not missing, seen)
    queued_storm(trial)


def queued_storm(trial: Trial) -> None:
    crowd = [f"queued-storm/{i}" for i in range(max(20, 4 * trial.each))]
    with queue_route(trial):
        lost = end_at_once(trial, crowd, 1, BACK_WITHIN_S)
    trial.saw("queue storm", not lost, f"{len(lost)} of {len(crowd)} lost")


def both_ways(trial: Trial) -> None:
    """The same storm without and with the queue."""
    storm(trial)
    trial.say(f"          without the queue, {len(trial.lost['storm'])} are lost: their records stay until the sweep")
    queued_storm(trial)
