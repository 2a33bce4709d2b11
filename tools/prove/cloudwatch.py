"""What CloudWatch and IAM make of it all: metrics of what happened, and out of log lines, alarms, and the access that was used."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import changes
from .claims import NO_ACCESS_NOTED
from .proof import Proof, until
from .sweeping import invoke

NAMESPACE = "WebSocketConnections"
METRICS_WITHIN_S = 420
ALARM_WITHIN_S = 600
SILENT_FOR_S = 25 * 60  # three periods of five minutes without a sweep, and what the alarm takes to notice
JOB_S = 60


def refusals(proof: Proof, lost: int) -> None:
    """Were a refused `$disconnect` repeated, there would be more throttles than records that stayed."""
    function = proof.function("disconnect")
    with proof.step("Lambda's own metric of throttles"):
        refused = until(lambda: proof.metric("AWS/Lambda", "Throttles", FunctionName=function), lambda n: n >= lost, METRICS_WITHIN_S, 10)
    proof.saw("refused", 0 < lost == refused, f"{refused} were refused, {lost} records stayed")


def metrics(proof: Proof) -> None:
    """Each line of a removed connection carries a metric; both say the same in the end."""

    def look() -> tuple[Counter[str], Counter[str]]:
        lines = [line for which in ("disconnect", "cleanup") for line in proof.lines(which) if line.get("outcome") == "removed"]
        said = Counter(str(line["cause"]) for line in lines)
        return said, Counter({cause: proof.metric(NAMESPACE, "Closed", Name=proof.run.name, cause=cause) for cause in said})

    with proof.step("CloudWatch's metrics out of the log lines"):
        said, counted = until(look, lambda both: both[0] == both[1], proof.patience("metrics", METRICS_WITHIN_S), 20)
    seen = ", ".join(f"{cause} {counted[cause]} of {number}" for cause, number in said.items())
    proof.saw("metrics", said == counted and bool(said), seen)


def alarms(proof: Proof) -> None:
    with proof.step("CloudWatch's alarms"):
        state = _state(proof, "disconnect-throttles", "ALARM", proof.patience("alarm", ALARM_WITHIN_S))
    proof.saw("alarm", state == "ALARM", f"it is in state {state}")


def missing_data(proof: Proof) -> None:
    """Takes half an hour, for a sweep's metric to be missing three times in a row."""
    with changes.schedules_off(proof), proof.step("no sweep for half an hour"):
        silent = _state(proof, "sweep-silent-0", "ALARM", proof.patience("missing data", SILENT_FOR_S))
    invoke(proof)
    with proof.step("a sweep again"):
        after = _state(proof, "sweep-silent-0", "OK", proof.patience("missing data", ALARM_WITHIN_S))
    proof.saw("missing data", (silent, after) == ("ALARM", "OK"), f"{silent} without sweeps, {after} after one")


def _state(proof: Proof, alarm: str, wanted: str, seconds: float) -> str:
    """An alarm's state, once it is the wanted one or the time is over."""

    def look() -> str:
        [found] = proof.client("cloudwatch").describe_alarms(AlarmNames=[f"{proof.run.name}-{alarm}"])["MetricAlarms"]
        return str(found["StateValue"])

    return until(look, lambda state: state == wanted, seconds, 10)


def access(proof: Proof) -> None:
    used: list[str] = []
    unused: list[str] = []
    for which in ("disconnect", "cleanup"):
        for service in _last_accessed(proof, proof.run.outputs[f"{which}_function"]["role_arn"]):
            (used if service.get("LastAuthenticated") else unused).append(f"{service['ServiceNamespace']} by {which}")
    if used and not unused:
        proof.saw("privilege", True, ", ".join(used))
    else:
        why = NO_ACCESS_NOTED if proof.account.endpoint else "IAM tells it up to four hours later"
        proof.missed("privilege", f"{why}; so far: {', '.join(used) or 'nothing'}")


def _last_accessed(proof: Proof, role: str) -> list[dict[str, Any]]:
    iam = proof.client("iam")
    job = iam.generate_service_last_accessed_details(Arn=role)["JobId"]
    found = until(lambda: dict(iam.get_service_last_accessed_details(JobId=job)), lambda f: f["JobStatus"] != "IN_PROGRESS", JOB_S)
    return list(found.get("ServicesLastAccessed", []))
