"""`make demo`: envs/dev on a local AWS, real WebSocket clients that come and go, and the table that follows them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

from local.aws import local_aws

from . import program
from .acts import by_queue, endings, failures, sweeping
from .acts.trial import Act, Trial
from .stack import Stack, leftovers
from .terraform import Root

EACH = 5
SHOWN = ("outcome", "cause", "closeCode", "closeReason", "durationMs", "sourceIp", "userAgent")


def apply(trial: Trial, stack: Stack) -> None:
    trial.say("\nTerraform, as it is in the repository")
    with trial.step("init of examples/websocket-api (the platform's stack) and envs/dev"):
        stack.init()
    with trial.step("apply of examples/websocket-api"):
        stack.platform.apply()
    with trial.step("apply of envs/dev (about a minute: the provider waits 25 s for every step of an SQS queue)"):
        stack.root.apply()


def second_plan(trial: Trial, stack: Stack) -> Root:
    """Plans again, and meanwhile applies the broadcaster, which is returned."""
    broadcaster = stack.broadcaster()
    with trial.step("a second plan of envs/dev, and apply of examples/broadcaster"), ThreadPoolExecutor() as pool:
        second = pool.submit(stack.root.plan)
        broadcaster.init()
        broadcaster.apply()
        plan = second.result()
    trial.saw("apply", not plan, plan or "nothing to change")
    return broadcaster


def acts(stack: Stack, each: int) -> dict[str, Act]:
    return {
        f"Clients come and go: {stack.url} (the first removals wait for functions to start)": endings.end_in_every_way,
        "The function's own lines about one of each": show_lines,
        "DynamoDB is away, and $disconnect is lost": failures.outage,
        "API Gateway ends every connection after 2 h: whoever is older is removed": lambda t: sweeping.sweep_lost(t, "outage", share_old=1),
        "Nearly everybody is lost at once": lambda t: failures.lose(t, "crowd", 6 * each),
        "The sweep asks API Gateway about each; one 410 may be a mistake: it asks again 45 s later": (
            lambda t: sweeping.sweep_lost(t, "crowd")
        ),
        "A few are lost again": lambda t: failures.lose(t, "room", each),
        "A sender learns first who is gone, and reports it": lambda t: sweeping.report(t, "room", stack.broadcast),
    }


def show_lines(trial: Trial) -> None:
    about = trial.on.lines_about({ids[0] for ids in trial.ended.values() if ids})
    for [line, *_] in about.values():
        trial.say("          " + json.dumps({name: line[name] for name in SHOWN if name in line}))


def destroy(trial: Trial, stack: Stack, broadcaster: Root) -> None:
    trial.say("\nThe end")
    with trial.step("destroy of envs/dev and examples/broadcaster (half a minute: SQS again)"), ThreadPoolExecutor() as pool:
        list(pool.map(Root.destroy, [stack.root, broadcaster]))
    with trial.step("destroy of examples/websocket-api"):
        stack.platform.destroy()
    left = leftovers(stack.aws)
    trial.saw("destroyed", not left, ", ".join(left) or "nothing is left in the account")


def main() -> int:
    program.arguments(__doc__).parse_args()
    started = time.monotonic()
    program.say("An AWS on this machine")
    with local_aws() as aws:
        program.say(f"  MiniStack, roles enforced, at {aws.endpoint} ({time.monotonic() - started:.1f} s)")
        stack = Stack(aws, "dev")
        trial = Trial(stack, EACH)
        apply(trial, stack)
        broadcaster = second_plan(trial, stack)
        trial.take(acts(stack, EACH))
        trial.take({"A storm: many leave while one can be served at a time, by the function and by the queue": by_queue.both_ways})
        destroy(trial, stack, broadcaster)
    program.say(f"  the local AWS is stopped, its files are removed ({time.monotonic() - started:.0f} s in all)")
    for claim in trial.broken:
        program.say(f"BROKEN: {claim}")
    return 1 if trial.broken else 0


if __name__ == "__main__":
    program.run(main)
