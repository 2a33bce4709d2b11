"""What a trial keeps of its acts."""

from __future__ import annotations

from typing import cast

from tools.acts.trial import Trial
from tools.deployment import Deployment


def test_what_broke_once_stays_broken() -> None:
    trial = Trial(cast("Deployment", None))
    trial.saw("gone", False, "first")
    trial.saw("gone", True, "then")
    assert trial.broken == ["`@connections` answers 410 for a connection that has ended, and serves one that lives: first"]


def test_an_act_that_fails_does_not_keep_the_others_from_theirs() -> None:
    def fails(trial: Trial) -> None:
        raise ValueError("no")

    trial = Trial(cast("Deployment", None))
    trial.take({"first": fails, "second": lambda trial: trial.saw("gone", True, "")})
    assert trial.broken == ["first: ValueError: no"]
    assert trial.verdicts.keys() == {"gone"}
