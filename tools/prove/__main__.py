"""Applies the whole in your AWS account, puts what the documentation says to the test there, destroys it, and writes a report.

Account and region are those of the usual variables: AWS_PROFILE, AWS_REGION, or keys. docs/proof.md says more.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import local_aws
from tools.terraform import TerraformError

from . import cost, earlier
from .account import Account, Refused
from .experiment import run_and_report
from .leftovers import TAG
from .proof import Proof
from .question import agree
from .run import Run

MOST_CLIENTS = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.prove", description=__doc__)
    parser.add_argument("--clients", type=int, default=5, help="how many end in each way (5)")
    parser.add_argument("--long", action="store_true", help="also what takes two and a half hours: time-outs, a pulled cable, TTL")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--local", action="store_true", help="on an emulator, which is started for it")
    options = parser.parse_args()
    if not 1 <= options.clients <= MOST_CLIENTS:
        parser.error(f"--clients must be from 1 to {MOST_CLIENTS}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not options.local:
            return prove(options)
        with local_aws() as aws:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                del os.environ[name]
            os.environ.update(aws.environment)
            return prove(options)
    except Refused as problem:
        print(f"\n{problem}", flush=True)
        return 2
    except (TerraformError, BotoCoreError, ClientError) as problem:
        print(f"\n{problem}\nWhat there may be left is found by the next run, which offers to remove it.", flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What there may be left is found by the next run, which offers to remove it.", flush=True)
        return 130


def prove(options: argparse.Namespace) -> int:
    account = Account.of_environment()
    where = f"an emulator at {account.endpoint}" if account.endpoint else "AWS"
    print(f"Account {account.id}, region {account.region}, as {account.arn}, at {where}", flush=True)
    earlier.clean_up(account, options.yes)
    run = Run.new(account)
    try:
        run.prepare()
        planned, tagged = run.planned()
        usd = sum(cost.ceiling(options.clients, options.long, planned).values())
        resources = ", ".join(f"{number} {kind}" for kind, number in sorted(planned.items()))
        hours = "two and a half hours" if options.long else "about half an hour"
        print(f"\nThis would create {sum(planned.values())} resources named {run.name}…, tagged {TAG} = {run.id}:\n  {resources}")
        print(f"and destroy them after {hours}. It costs at most {usd:.2f} USD (prices of us-east-1).", flush=True)
        if not agree("Go on?", options.yes):
            raise Refused("Nothing was created.")
    except BaseException:
        run.forget()
        raise
    return run_and_report(Proof(account, run, options.clients, options.long), tagged, usd)


if __name__ == "__main__":
    sys.exit(main())
