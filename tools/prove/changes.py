"""Changes to the run's own stack, for as long as a block runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .proof import Proof


def configure(proof: Proof, which: str, **settings: Any) -> dict[str, Any]:
    """Change a function's configuration, wait until it is in force, and answer what it was."""
    functions, name = proof.client("lambda"), proof.function(which)
    before: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
    functions.update_function_configuration(FunctionName=name, **settings)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return {setting: before[setting] for setting in settings}


def log_levels(proof: Proof, which: str, **levels: str) -> dict[str, Any]:
    """Change the levels from which lines are kept: SystemLogLevel, ApplicationLogLevel; answers the configuration before."""
    now = proof.client("lambda").get_function_configuration(FunctionName=proof.function(which))["LoggingConfig"]
    return configure(proof, which, LoggingConfig={**now, **levels})


@contextmanager
def variables(proof: Proof, which: str, without: tuple[str, ...] = (), **more: str) -> Iterator[None]:
    """The function with another environment."""
    own = proof.client("lambda").get_function_configuration(FunctionName=proof.function(which))["Environment"]["Variables"]
    kept = {name: value for name, value in own.items() if name not in without}
    before = configure(proof, which, Environment={"Variables": {**kept, **more}})
    try:
        yield
    finally:
        configure(proof, which, Environment={"Variables": before["Environment"]["Variables"]})


@contextmanager
def without_statement(proof: Proof, which: str, sid: str) -> Iterator[None]:
    """The function's role without one of its statements."""
    iam, name = proof.client("iam"), proof.run.outputs[f"{which}_function"]["role_name"]
    policy = {"RoleName": name, "PolicyName": name}
    whole = iam.get_role_policy(**policy)["PolicyDocument"]
    part = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({**whole, "Statement": part}))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(whole))


@contextmanager
def reserved(proof: Proof, which: str, executions: int) -> Iterator[None]:
    """The function with so many executions at a time; 0 stops it."""
    functions, name = proof.client("lambda"), proof.function(which)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


@contextmanager
def schedules_off(proof: Proof) -> Iterator[None]:
    """The sweep's schedules, disabled."""
    fields = ("Name", "GroupName", "Description", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    found = [{name: schedule[name] for name in fields} for schedule in schedules(proof)]
    for schedule in found:
        proof.client("scheduler").update_schedule(**schedule, State="DISABLED")
    try:
        yield
    finally:
        for schedule in found:
            proof.client("scheduler").update_schedule(**schedule, State="ENABLED")


def schedules(proof: Proof) -> list[dict[str, Any]]:
    """The sweep's, whole."""
    scheduler, group = proof.client("scheduler"), f"{proof.run.name}-sweep"
    return [scheduler.get_schedule(GroupName=group, Name=one["Name"]) for one in scheduler.list_schedules(GroupName=group)["Schedules"]]
