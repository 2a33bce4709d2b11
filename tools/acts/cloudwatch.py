"""CloudWatch's metrics and alarms, and the access that IAM says was used."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tools.deployment import FUNCTIONS, METRICS, until

from .claims import NO_ACCESS_NOTED
from .trial import Trial

METRICS_WITHIN_S = 420
ALARM_WITHIN_S = 600
SILENT_FOR_S = 25 * 60  # three periods of five minutes without a sweep, and what the alarm takes to notice
JOB_S = 60


def refusals(trial: Trial) -> None:
    """If refused `$disconnect` events were repeated, there would be more throttles than records that stayed."""
    function, lost = trial.on.function("disconnect"), len(trial.lost["storm"]) + len(trial.lost["stop"])

    def throttles() -> int:
        return trial.on.metric("AWS/Lambda", "Throttles", FunctionName=function)

    with trial.step("Lambda's own metric of throttles"):
        refused = until(throttles, lambda number: number >= lost, METRICS_WITHIN_S, 10)
    trial.saw("refused", 0 < lost == refused, f"{refused} were refused, {lost} records stayed")


def metrics(trial: Trial) -> None:
    """Each line of a removed connection contains a metric: both must give the same count in the end."""

    def look() -> tuple[Counter[str], Counter[str]]:
        lines = [line for which in FUNCTIONS for line in trial.on.lines(which) if line.get("outcome") == "removed"]
        said = Counter(str(line["cause"]) for line in lines)
        return said, Counter({cause: trial.on.metric(METRICS, "Closed", Name=trial.on.name, cause=cause) for cause in said})

    with trial.step("CloudWatch's metrics from the log lines"):
        said, counted = until(look, lambda both: both[0] == both[1], trial.patience("metrics", METRICS_WITHIN_S), 20)
    seen = ", ".join(f"{cause} {counted[cause]} of {number}" for cause, number in said.items())
    trial.saw("metrics", said == counted and bool(said), seen)


def alarms(trial: Trial) -> None:
    with trial.step("CloudWatch's alarms"):
        state = _state(trial, "disconnect-throttles", "ALARM", trial.patience("alarm", ALARM_WITHIN_S))
    trial.saw("alarm", state == "ALARM", f"it is in state {state}")


def missing_data(trial: Trial) -> None:
    """Takes half an hour, in which a sweep's metric is missing three times in a row."""
    with trial.on.schedules_off(), trial.step("no sweep for half an hour"):
        silent = _state(trial, "sweep-silent-0", "ALARM", trial.patience("missing data", SILENT_FOR_S))
    trial.on.sweep(wait=False)
    with trial.step("a sweep again"):
        after = _state(trial, "sweep-silent-0", "OK", trial.patience("missing data", ALARM_WITHIN_S))
    trial.saw("missing data", (silent, after) == ("ALARM", "OK"), f"{silent} without sweeps, {after} after one")


def _state(trial: Trial, alarm: str, wanted: str, seconds: float) -> str:
    return until(lambda: trial.on.alarm_state(alarm), lambda state: state == wanted, seconds, 10)


def access(trial: Trial) -> None:
    used: list[str] = []
    unused: list[str] = []
    for which in FUNCTIONS:
        for service in _last_accessed(trial, trial.on.outputs[f"{which}_function"]["role_arn"]):
            (used if service.get("LastAuthenticated") else unused).append(f"{service['ServiceNamespace']} by {which}")
    if used and not unused:
        trial.saw("privilege", True, ", ".join(used))
    else:
        why = "IAM shows it up to four hours later" if trial.can_tell("privilege") else NO_ACCESS_NOTED
        trial.missed("privilege", f"{why}; so far: {', '.join(used) or 'nothing'}")


def _last_accessed(trial: Trial, role: str) -> list[dict[str, Any]]:
    iam = trial.on.aws.client("iam")
    job = iam.generate_service_last_accessed_details(Arn=role)["JobId"]
    found = until(lambda: dict(iam.get_service_last_accessed_details(JobId=job)), lambda f: f["JobStatus"] != "IN_PROGRESS", JOB_S)
    return list(found.get("ServicesLastAccessed", []))
