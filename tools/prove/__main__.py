"""Applies examples/complete in your AWS account, tests what the documentation says, destroys it, and writes a report.

Account and region are those of the usual variables: AWS_PROFILE, AWS_REGION, or keys. docs/proof.md says more.
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import local_aws
from tools import program
from tools.terraform import TerraformError

from . import cost
from .account import Account, CannotStartError
from .leftovers import TAG
from .proof import Proof
from .run import Run, agree, clean_up

MOST_CLIENTS = 50
LEFT = "The next run finds what is left and offers to remove it."


def options() -> argparse.Namespace:
    parser = program.arguments(__doc__)
    parser.add_argument("--clients", type=int, default=5, help="how many connections end in each way (5)")
    program.flag(parser, "--long", "also run the slow tests (two and a half hours): time-outs, a pulled cable, TTL")
    program.flag(parser, "--yes", "ask nothing")
    program.flag(parser, "--local", "start an emulator, and use it instead of an account")
    found = parser.parse_args()
    if not 1 <= found.clients <= MOST_CLIENTS:
        parser.error(f"--clients must be from 1 to {MOST_CLIENTS}")
    return found


def main() -> int:
    found = options()
    try:
        with local_aws() if found.local else nullcontext() as aws:
            if aws:
                for name in [name for name in os.environ if name.startswith("AWS_")]:
                    del os.environ[name]
                os.environ.update(aws.environment)
            return prove(found)
    except CannotStartError as problem:
        program.say(f"\n{problem}")
        return 2
    except (TerraformError, BotoCoreError, ClientError) as problem:
        program.say(f"\n{problem}\n{LEFT}")
        return 1
    except KeyboardInterrupt:
        program.say(f"\nInterrupted. {LEFT}")
        return 130


def prove(found: argparse.Namespace) -> int:
    account = Account.of_environment()
    where = f"an emulator at {account.endpoint}" if account.endpoint else "AWS"
    program.say(f"Account {account.id}, region {account.region}, as {account.arn}, at {where}")
    clean_up(account, found.yes)
    run = Run(account)
    try:
        with program.step("plan of examples/complete"):
            run.prepare()
            planned, tagged = run.planned()
        usd = cost.ceiling(found.clients, found.long, planned)
        resources = ", ".join(f"{number} {kind}" for kind, number in sorted(planned.items()))
        time = "two and a half hours" if found.long else "some minutes" if account.endpoint else "about half an hour"
        program.say(f"\nThis would create {sum(planned.values())} resources named {run.name}…, tagged {TAG} = {run.id}:\n  {resources}")
        program.say(f"and destroy them after {time}. In an account it costs at most {usd:.2f} USD (prices of us-east-1).")
        if not agree("Go on?", found.yes):
            raise CannotStartError("Nothing was created.")
    except BaseException:
        run.forget()
        raise
    return Proof(run, found.clients, found.long).run_and_report(tagged, usd)


if __name__ == "__main__":
    program.run(main)
