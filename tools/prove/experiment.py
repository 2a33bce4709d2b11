"""The proof from its first resource to the last: what is created is destroyed whatever happens, and what was seen is written down."""

from __future__ import annotations

from pathlib import Path

from tools.acts import by_queue, cloudwatch, endings, failures, hours, speed, sweeping
from tools.acts.claims import CLAIMS, UNSEEN
from tools.acts.trial import Act, Trial
from tools.deployment import until
from tools.terraform import TerraformError

from . import leftovers
from .run import Run

TAGS_WITHIN_S = 180  # the search by tag lags behind
ACTS: dict[str, Act] = {
    "A first client": endings.first_client,
    "Lambda's own lines": speed.system_lines,
    "Clients end in every way": endings.end_in_every_way,
    "A broadcast": endings.post_to_all,
    "Durations": speed.measure,
    "Log levels": speed.application_lines,
    "When $disconnect fails": failures.deny,
    "The schedule": sweeping.by_schedule,
    "When one function is not enough": failures.storm,
    "When no function is free": failures.stop,
    "The sweep": lambda trial: sweeping.sweep_lost(trial, "stop", share_old=0.5, living=max(3, len(trial.lost["stop"]))),
    "Refusals": cloudwatch.refusals,
    "A look at once": sweeping.look_at_once,
    "Metrics": cloudwatch.metrics,
    "Alarms": cloudwatch.alarms,
    "Through the queue": by_queue.by_queue,
    "What takes hours": hours.no_time,
    "Access": cloudwatch.access,
}


class Proof(Trial):
    """A trial of examples/complete. Where an emulator can't tell, what it did is noted, and decides nothing."""

    def __init__(self, run: Run, each: int = 5, long: bool = False) -> None:
        super().__init__(run, each)
        self.run, self.long, self.claims = run, long, CLAIMS
        self.versions: dict[str, str] = {}

    @property
    def outcome(self) -> dict[str, tuple[str, str]]:
        """Each claim's verdict, and what was seen."""
        return {name: self.verdicts.get(name, (UNSEEN, claim.seen)) for name, claim in self.claims.items()}

    def saw(self, claim: str, held: bool, seen: str) -> None:
        if self.can_tell(claim):
            super().saw(claim, held, seen)
        else:
            self.missed(claim, f"{self.claims[claim].emulator} (seen: {seen})")

    def can_tell(self, claim: str) -> bool:
        return not (self.run.account.endpoint and self.claims[claim].emulator)


def run_and_report(proof: Proof, tagged: int, usd: float) -> int:
    """`tagged`: how many resources take tags; `usd`: what all of it costs at most. 0 when every claim that could be observed held."""
    from . import report

    code = 0
    try:
        apply(proof, tagged)
        proof.take({**ACTS, **({"What takes hours": hours.take_hours} if proof.long else {})})
    except KeyboardInterrupt:
        proof.say("\nInterrupted: everything is destroyed now. A second Ctrl-C leaves it to the next run.")
        code = 130
    except TerraformError as problem:
        proof.say(f"\n{problem}")
        code = 1
    finally:
        destroy(proof)
    send = "" if proof.run.account.endpoint else ": please send it; docs/proof.md says where reports go."
    proof.say(f"\n{report.write(proof, usd, Path.cwd())}{send}")
    return code or int(bool(proof.broken))


def apply(proof: Proof, tagged: int) -> None:
    proof.say("\nTerraform")
    with proof.step("apply of examples/complete"):
        proof.run.root.apply()
    with proof.step("a second plan"):
        plan = proof.run.root.plan()
    proof.say(f"  {proof.run.url}")
    proof.versions, region = proof.run.root.versions(), proof.run.account.region
    resources = [address for address in proof.run.root.resources() if ".data." not in f".{address}"]
    proof.saw("apply", not plan, f"{len(resources)} resources, second plan {'not empty' if plan else 'empty'}")
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
    return sum(left.kind != "saved query" for left in leftovers.find(proof.run.account, proof.run.id))


def destroy(proof: Proof) -> None:
    proof.say("\nThe end")
    with proof.step("destroy"):
        left = proof.run.destroy()
    if left and not proof.run.is_applied:
        proof.missed("destroyed", f"interrupted, Terraform did not know of {', '.join(map(str, left))}; removed by their tag")
        return
    seen = f"Terraform left {', '.join(map(str, left))}: removed now" if left else "nothing is found by the tag or by name"
    proof.saw("destroyed", not left, seen)
