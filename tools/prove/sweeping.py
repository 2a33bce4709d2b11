"""The sweep: by its schedule, and at once with the schedule's own input."""

from __future__ import annotations

from tools.clients import Watch, open_clients
from tools.demo import TWO_HOURS_AND_MORE_MS

from . import changes
from .proof import Line, Proof, until

SILENT_MS = 12 * 60_000  # past the idle time-out
SCHEDULED_WITHIN_S = 360  # five minutes, and Scheduler's precision
SWEPT_WITHIN_S = 240
LOOKED_WITHIN_S = 600  # before they are silent for long enough to be suspects anyway


def by_schedule(proof: Proof) -> None:
    with proof.step("the schedule's own sweeps"):
        sweeps = until(lambda: swept(proof), bool, SCHEDULED_WITHIN_S, 5)
    proof.saw("schedule", bool(sweeps), f"{len(sweeps)} sweeps so far, all by the schedule")


def at_once(proof: Proof, lost: list[str]) -> None:
    """Half of the lost ones made older than two hours, half silent; as many that live, silent too."""
    alive = [f"lives/{i}" for i in range(max(3, len(lost)))]
    with Watch(proof.account, proof.table) as watch:
        clients = open_clients(proof.run.url, alive)
        watch.wait_until_there([*lost, *alive])
        old, silent = (_ids(watch, half) for half in (lost[::2], lost[1::2]))
        _age(proof, watch, lost[::2], TWO_HOURS_AND_MORE_MS)
        _age(proof, watch, [*lost[1::2], *alive], SILENT_MS)
        with proof.step(f"a sweep: {len(old)} of the lost are made older than 2 h, {len(silent)} silent, and {len(alive)} that live too"):
            invoke(proof)
            watch.wait_until_gone(lost, SWEPT_WITHIN_S)
        kept = len(watch.records.keys() & set(alive))
        for client in clients:
            client.close()
        watch.wait_until_gone(alive)
    causes = {key: lines[0]["cause"] for key, lines in proof.lines_about(old | silent, which="cleanup").items()}
    expired = sum(causes.get(key) == "expired" for key in old)
    gone = sum(causes.get(key) == "gone" for key in silent)
    proof.saw("expired", 0 < len(old) == expired, f"{expired} of {len(old)} removed as expired")
    seen = f"{gone} of {len(silent)} dead ones removed as gone, {kept} of {len(alive)} living ones kept"
    proof.saw("probe", 0 < len(silent) == gone and kept == len(alive), seen)


def look_at_once(proof: Proof, lost: list[str]) -> None:
    """The alarm on throttles has the sweep look at once: young as they are, the lost go before the schedule would suspect them."""
    if not lost:
        proof.missed("look at once", "one function at a time was enough: nothing was lost")
        return

    def left() -> int:
        return sum(record["clientId"]["S"] in lost for record in proof.records().values())

    with proof.step(f"an alarm, and a look at once: {len(lost)} are lost"):
        still = until(left, lambda number: number == 0, proof.patience("look at once", LOOKED_WITHIN_S), 5)
    proof.saw("look at once", still == 0, f"{len(lost) - still} of {len(lost)} removed")


def invoke(proof: Proof) -> None:
    """Do what EventBridge Scheduler does when the time has come."""
    for schedule in changes.schedules(proof):
        target = schedule["Target"]
        proof.client("lambda").invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=target["Input"])


def swept(proof: Proof) -> list[Line]:
    return [line for line in proof.lines("cleanup") if line.get("outcome") == "swept"]


def _ids(watch: Watch, names: list[str]) -> set[str]:
    return {watch.records[name]["connectionId"]["S"] for name in names if name in watch.records}


def _age(proof: Proof, watch: Watch, names: list[str], ms: int) -> None:
    for record in [watch.records[name] for name in names if name in watch.records]:
        earlier = {"connectedAt": {"N": str(int(record["connectedAt"]["N"]) - ms)}}
        proof.client("dynamodb").put_item(TableName=proof.table, Item={**record, **earlier})
