"""`make demo`: applies envs/dev on a local AWS. Real WebSocket clients come and go, and the table follows them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

from local.aws import local_aws

from . import program
from .acts import endings, failures, sweeping
from .acts.trial import Act, Trial
from .stack import Stack, leftovers
from .terraform import Root

EACH = 5
SHOWN = ("outcome", "cause", "closeCode", "closeReason", "durationMs", "sourceIp", "userAgent")


def acts(stack: Stack, each: int, more: dict[str, Act] | None = None) -> dict[str, Act]:
    """`more` are taken last of all that happens while the sweep waits."""
    while_it_waits = {
        "A few connections are lost": lambda t: failures.lose(t, "room", each),
        "A sender notices first which are gone, and reports them": lambda t: sweeping.report(t, "room", stack.broadcast),
        **(more or {}),
    }
    return {
        f"Clients connect to {stack.url} and leave (the first removals wait for functions to start)": endings.end_in_every_way,
        "The function's log line about one client of each kind": show_lines,
        "DynamoDB fails, and API Gateway loses $disconnect events": failures.outage,
        "API Gateway ends every connection after 2 h: older records are removed": lambda t: sweeping.sweep_lost(t, "outage", share_old=1),
        "Nearly all connections are lost at once": lambda t: failures.lose(t, "crowd", 6 * each),
        "The sweep asks API Gateway about each, and again after 45 s, since one 410 may be a mistake": (
            lambda t: sweeping.sweep_lost(t, "crowd", meanwhile=while_it_waits)
        ),
    }


def show_lines(trial: Trial) -> None:
    about = trial.on.lines_about({ids[0] for ids in trial.ended.values() if ids})
    for [line, *_] in about.values():
        trial.say("          " + json.dumps({name: line[name] for name in SHOWN if name in line}))


def run(trial: Trial, stack: Stack) -> None:
    stack.apply_step_by_step()
    broadcaster = stack.broadcaster()
    with trial.step("a second plan of envs/dev, and apply of examples/broadcaster"), ThreadPoolExecutor() as pool:
        second = pool.submit(stack.root.plan)
        broadcaster.init()
        broadcaster.apply()
        plan = second.result()
    trial.saw("apply", not plan, plan or "nothing to change")
    storm: dict[str, Act] = {"A storm: many leave while one can be served at a time, without and with the queue": failures.both_ways}
    trial.take(acts(stack, EACH, storm))
    trial.say("\nClean-up")
    with trial.step("destroy of envs/dev and examples/broadcaster (half a minute)"), ThreadPoolExecutor() as pool:
        list(pool.map(Root.destroy, [stack.root, broadcaster]))
    with trial.step("destroy of examples/websocket-api"):
        stack.platform.destroy()
    left = leftovers(stack.aws)
    trial.saw("destroyed", not left, ", ".join(left) or "nothing is left in the account")


def main() -> int:
    program.arguments(__doc__).parse_args()
    started = time.monotonic()
    program.say("A local AWS")
    with local_aws() as aws:
        program.say(f"  MiniStack at {aws.endpoint}, which checks roles ({time.monotonic() - started:.1f} s)")
        stack = Stack(aws, "dev")
        trial = Trial(stack, EACH)
        run(trial, stack)
    program.say(f"  The local AWS is stopped and its files are removed ({time.monotonic() - started:.0f} s in all)")
    for claim in trial.broken:
        program.say(f"BROKEN: {claim}")
    return 1 if trial.broken else 0


if __name__ == "__main__":
    program.run(main)
