"""Stops an apply at each of its calls, and lets the next ones finish it:  python -m tests.lifecycle.stop_everywhere

First as somebody who is given one permission after the other, in the order in which an apply needs them; then over a line that is cut after
so many requests. test_half_made.py does the same at a few calls; this takes half an hour, for people who change what refers to what.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from local.aws import local_aws
from local.fault_proxy import Request
from tools.permissions import NEVER_DENIED
from tools.terraform import TerraformError

from .test_half_made import EVERYTHING, Whole

SERVICES = ("apigateway", "dynamodb", "events", "iam", "kms", "lambda", "logs", "monitoring", "scheduler", "sqs")
MORE_REQUESTS = 40  # that an apply gets through than the one before


def apply_until_complete(hinder: Callable[[Whole, int], str]) -> list[str]:
    """Applies one stack again and again, each time hindered otherwise, until nothing stops it; returns what the others were stopped by."""
    stopped, half_made, began = list[str](), 0, time.time()
    with local_aws() as aws:
        whole = Whole(aws, aws.folder / "whole")
        whole.write(**EVERYTHING)
        state = whole.root.folder / "terraform.tfstate"
        for number in count():
            hindrance = hinder(whole, number)
            try:
                whole.root.apply()
                break
            except TerraformError:
                stopped.append(hindrance)
            aws.faults.clear()
            whole.permit("*")
            if tainted := state.read_text().count('"status": "tainted"') if state.exists() else 0:
                half_made += tainted
                whole.untaint()
            print(f"  {hindrance}", flush=True)
        aws.faults.clear()
        if left := whole.root.plan():
            sys.exit(f"The plan at the end is not empty:\n{left}")
    seconds = time.time() - began
    print(f"  {len(stopped)} applies stopped, {half_made} resources half made, then complete and an empty plan, {seconds:.0f} s")
    return stopped


def cut(whole: Whole, number: int) -> str:
    """Lets so many requests of the provider through and cuts the line then."""
    passed = count()

    def late(request: Request) -> bool:
        return "HashiCorp" in request.agent and next(passed) >= (number + 1) * MORE_REQUESTS

    for service in SERVICES:
        whole.aws.faults.fail(service, "cut", where=late)
    return f"after {(number + 1) * MORE_REQUESTS} requests"


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

    def withhold(whole: Whole, number: int) -> str:
        whole.permit(NEVER_DENIED, *order[:number])
        return f"without {order[number]}" if number < len(order) else "with all"

    print(f"Permission by permission, {len(order)} of them:")
    if len(apply_until_complete(withhold)) != len(order):
        sys.exit("An apply was complete before it had every permission.")
    print(f"Cut after {MORE_REQUESTS} requests, and {MORE_REQUESTS} more each time:")
    apply_until_complete(cut)
