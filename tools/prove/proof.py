"""The proof itself: apply, acts, destroy, report. What is created is destroyed, whatever happens."""

from __future__ import annotations

from pathlib import Path

from tools.acts import cloudwatch, endings, failures, hours, speed, sweeping
from tools.acts.claims import CLAIMS, UNSEEN
from tools.acts.trial import Act, Trial
from tools.deployment import until
from tools.terraform import TerraformError

from . import leftovers, report
from .run import Run

TAGS_WITHIN_S = 180  # the search by tag lags behind
ACTS: dict[str, Act] = {
    "A first client": endings.first_client,
    "Lambda's own log lines": speed.system_lines,
    "Clients end in every way": endings.end_in_every_way,
    "A broadcast": endings.post_to_all,
    "Durations": speed.measure,
    "Log levels": speed.application_lines,
    "Removals that fail": failures.deny,
    "The schedule": sweeping.by_schedule,
    "A storm": failures.storm,
    "A stopped function": failures.stop,
    "The sweep": lambda trial: sweeping.sweep_lost(trial, "stop", share_old=0.5, living=max(3, len(trial.lost["stop"]))),
    "Throttled events": cloudwatch.refusals,
    "A look at once": sweeping.look_at_once,
    "Metrics": cloudwatch.metrics,
    "Alarms": cloudwatch.alarms,
    "The queue": failures.by_queue,
    "Time-outs": hours.no_time,
    "Access": cloudwatch.access,
}


class Proof(Trial):
    """A trial of examples/complete. Where an emulator cannot show a claim, what it did is only noted."""

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

    def run_and_report(self, tagged: int, usd: float) -> int:
        """`tagged`: how many resources take tags; `usd`: the highest cost. Returns 0 if every claim that could be observed held."""
        code = 0
        try:
            self._apply(tagged)
            self.take({**ACTS, "Time-outs": hours.take_hours} if self.long else ACTS)
        except KeyboardInterrupt:
            self.say("\nInterrupted. Everything is destroyed now. A second Ctrl-C leaves it to the next run.")
            code = 130
        except TerraformError as problem:
            self.say(f"\n{problem}")
            code = 1
        finally:
            self._destroy()
        send = "" if self.run.account.endpoint else "\nPlease send this report: docs/proof.md says where."
        self.say(f"\n{report.write(self, usd, Path.cwd())}{send}")
        return code or int(bool(self.broken))

    def _apply(self, tagged: int) -> None:
        self.say("\nTerraform")
        root, region = self.run.root, self.run.account.region
        with self.step("apply of examples/complete"):
            root.apply()
        with self.step("a second plan"):
            plan = root.plan()
        self.say(f"  {self.run.url}")
        self.versions = root.versions()
        resources = [address for address in root.resources() if ".data." not in f".{address}"]
        self.saw("apply", not plan, f"{len(resources)} resources, second plan {'not empty' if plan else 'empty'}")
        if self.versions["aws"].startswith("5."):
            self.missed("provider", f"this run had {self.versions['aws']}")
        else:
            self.saw("provider", not plan, self.versions["aws"])
        with self.step("a search by tag"):
            number = until(self._found_by_tag, lambda number: number == tagged, TAGS_WITHIN_S, 5)
        self.saw("tagged", number == tagged, f"{number} of {tagged} are found")
        if not region.startswith(("cn-", "us-gov-")):
            self.missed("partitions", f"this run was in {region}")

    def _found_by_tag(self) -> int:
        return sum(left.kind != "saved query" for left in leftovers.find(self.run.account, self.run.id))

    def _destroy(self) -> None:
        self.say("\nClean-up")
        with self.step("destroy"):
            left = self.run.destroy()
        things = ", ".join(map(str, left))
        if left and not self.run.is_applied:
            self.missed("destroyed", f"the interrupted Terraform did not know of {things}; removed by their tag")
        else:
            self.saw("destroyed", not left, f"Terraform left {things}: removed now" if left else "nothing is found by the tag or by name")
