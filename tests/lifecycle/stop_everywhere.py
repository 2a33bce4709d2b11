"""Stops an apply at each of its calls, and lets the next ones finish it:  python -m tests.lifecycle.stop_everywhere

First as somebody who is given one permission after the other, in the order in which an apply needs them; then over a line that is cut after
so many requests. test_half_made.py does the same at a few calls; this takes half an hour, for people who change what refers to what.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path

from local.aws import local_aws
from local.fault_proxy import Request
from tools.permissions import NEVER_DENIED
from tools.terraform import TerraformError

from .test_half_made import EVERYTHING, Whole

SERVICES = ("apigateway", "dynamodb", "events", "iam", "kms", "lambda", "logs", "monitoring", "scheduler", "sqs")
MORE_REQUESTS = 40  # that an apply gets through than the one before


def stops(whole: Whole) -> bool:
    """Whether an apply is stopped."""
    try:
        whole.root.apply()
    except TerraformError:
        return True
    return False


def untaint(whole: Whole) -> int:
    """How many resources were half made."""
    state = whole.root.folder / "terraform.tfstate"
    half_made = state.read_text().count('"status": "tainted"') if state.exists() else 0
    if half_made:
        whole.untaint()
    return half_made


def complete(whole: Whole, stopped: int, half_made: int, began: float) -> None:
    whole.root.apply()
    if left := whole.root.plan():
        sys.exit(f"The plan at the end is not empty:\n{left}")
    print(f"  {stopped} applies stopped, {half_made} resources half made, then complete and an empty plan, {time.time() - began:.0f} s")


def by_permission(order: list[str]) -> None:
    with local_aws() as aws:
        whole, half_made, began = Whole(aws, aws.folder / "whole"), 0, time.time()
        whole.write(**EVERYTHING)
        for number in range(len(order)):
            whole.permit(NEVER_DENIED, *order[:number])
            if not stops(whole):
                sys.exit(f"An apply needed no {order[number]}.")
            whole.permit("*")
            half_made += untaint(whole)
            print(f"  without {order[number]}", flush=True)
        complete(whole, len(order), half_made, began)


def by_cutting() -> None:
    with local_aws() as aws:
        whole, half_made, began = Whole(aws, aws.folder / "whole"), 0, time.time()
        whole.write(**EVERYTHING)
        for number in count(1):
            passed = count()

            def late(request: Request, passed: count[int] = passed, most: int = number * MORE_REQUESTS) -> bool:
                return "HashiCorp" in request.agent and next(passed) >= most

            for service in SERVICES:
                aws.faults.fail(service, "cut", where=late)
            stopped = stops(whole)
            aws.faults.clear()
            half_made += untaint(whole)
            print(f"  after {number * MORE_REQUESTS} requests: {'stopped' if stopped else 'complete'}", flush=True)
            if not stopped:
                break
        complete(whole, number - 1, half_made, began)


def calls_in_order() -> list[str]:
    """The actions of an apply that nothing stops."""
    with local_aws() as aws:
        whole = Whole(aws, aws.folder / "whole")
        whole.write(**EVERYTHING)
        whole.root.apply()
        judged = [line.split(" ") for line in Path(aws.folder / "judged-calls").read_text().splitlines()]
        return list(dict.fromkeys(action for key, action, *_ in judged if key == whole.user.key_id and action != NEVER_DENIED))


if __name__ == "__main__":
    order = calls_in_order()
    print(f"Permission by permission, {len(order)} of them:")
    by_permission(order)
    print(f"Cut after {MORE_REQUESTS} requests, and {MORE_REQUESTS} more each time:")
    by_cutting()
