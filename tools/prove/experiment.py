"""The proof from its first resource to the last: what is created is destroyed whatever happens, and what was seen is written down."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from tools.terraform import TerraformError

from . import cloudwatch, endings, failures, leftovers, report, speed, sweeping
from .claims import BROKEN
from .long import take_hours
from .proof import Proof, until

TAGS_WITHIN_S = 180  # the search by tag lags behind


def run_and_report(proof: Proof, tagged: int, usd: float) -> int:
    """`tagged`: how many resources take tags; `usd`: what all of it costs at most. 0 when every claim that could be observed held."""
    try:
        apply(proof, tagged)
        code = take_steps(proof)
    except KeyboardInterrupt:
        proof.say("\nInterrupted: everything is destroyed now. A second Ctrl-C leaves it to the next run.")
        code = 130
    except TerraformError as problem:
        proof.say(f"\n{problem}")
        code = 1
    finally:
        destroy(proof)
    proof.say(f"\n{report.write(proof, usd, Path.cwd())}: please send it; docs/proof.md says where reports go.")
    return code or int(any(claim.verdict == BROKEN for claim in proof.claims.values()))


def apply(proof: Proof, tagged: int) -> None:
    proof.say("\nTerraform")
    with proof.step("apply of examples/complete"):
        proof.run.root.apply()
    with proof.step("a second plan"):
        plan = proof.run.root.plan()
    proof.say(f"  {proof.run.url}")
    proof.versions, region = proof.run.root.versions(), proof.account.region
    proof.saw("apply", not plan, f"{len(proof.run.root.resources())} resources, second plan {'not empty' if plan else 'empty'}")
    if proof.versions["aws"].startswith("5."):
        proof.missed("provider", f"this run had {proof.versions['aws']}")
    else:
        proof.saw("provider", not plan, proof.versions["aws"])
    with proof.step("a search by tag"):
        number = until(lambda: _found_by_tag(proof), lambda number: number == tagged, TAGS_WITHIN_S, 5)
    proof.saw("tagged", number == tagged, f"{number} of {tagged} are found")
    if not region.startswith(("cn-", "us-gov-")):
        proof.missed("partitions", f"this run was in {region}")


def _found_by_tag(proof: Proof) -> int:
    return sum(left.kind != "saved query" for left in leftovers.find(proof.account, proof.run.id))


def take_steps(proof: Proof) -> int:
    """Every step, whatever became of the one before; 1 when one could not be taken."""
    ended: list[str] = []
    lost: list[str] = []  # to the storm
    stopped: list[str] = []
    steps: dict[str, Callable[[], None]] = {
        "A first client": lambda: endings.first_client(proof),
        "Lambda's own lines": lambda: speed.system_lines(proof),
        "Clients end in every way": lambda: ended.extend(endings.end_in_every_way(proof)),
        "A broadcast": lambda: endings.broadcast(proof, ended),
        "Durations": lambda: speed.measure(proof),
        "Log levels": lambda: speed.application_lines(proof),
        "When $disconnect fails": lambda: failures.take_the_permission_away(proof),
        "The schedule": lambda: sweeping.by_schedule(proof),
        "When one function is not enough": lambda: lost.extend(failures.storm(proof)),
        "When no function is free": lambda: stopped.extend(failures.stop(proof)),
        "The sweep": lambda: sweeping.at_once(proof, stopped),
        "Refusals": lambda: cloudwatch.refusals(proof, len(lost) + len(stopped)),
        "A look at once": lambda: sweeping.look_at_once(proof, lost),
        "Metrics": lambda: cloudwatch.metrics(proof),
        "Alarms": lambda: cloudwatch.alarms(proof),
        "What takes hours": lambda: take_hours(proof),
        "Access": lambda: cloudwatch.access(proof),
    }
    code = 0
    for title, take in steps.items():
        proof.say(f"\n{title}")
        try:
            take()
        except Exception as problem:  # a surprise in one must not cost the rest
            traceback.print_exc()
            proof.failed[title] = f"{type(problem).__name__}: {problem}"
            code = 1
    return code


def destroy(proof: Proof) -> None:
    proof.say("\nThe end")
    with proof.step("destroy"):
        left = proof.run.destroy()
    if left and not proof.run.is_applied:
        proof.missed("destroyed", f"interrupted, Terraform did not know of {', '.join(map(str, left))}; removed by their tag")
        return
    seen = f"Terraform left {', '.join(map(str, left))}: removed now" if left else "nothing is found by the tag or by name"
    proof.saw("destroyed", not left, seen)
