"""Stops an apply at each of its calls, and lets the next one go on:  python -m tests.lifecycle.stop_everywhere

It grants one permission after the other, in the order in which an apply needs them. It takes half an hour, so no test runs it:
test_half_made.py stops an apply at a few calls only. Run it after a change in how resources refer to each other.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from local.aws import LocalAws, local_aws
from tests.provider import kept_provider
from tools.permissions import NEVER_DENIED
from tools.terraform import TerraformError

from .test_half_made import EVERYTHING, Whole


def new_stack(aws: LocalAws) -> Whole:
    whole = Whole(aws, aws.folder / "whole")
    whole.write(**EVERYTHING)
    return whole


def actions_in_order() -> list[str]:
    """Of an apply that nothing stops."""
    with local_aws() as aws:
        whole = new_stack(aws)
        whole.root.apply()
        judged = [line.split(" ") for line in (aws.folder / "judged-calls").read_text().splitlines()]
        return list(dict.fromkeys(action for key, action, *_ in judged if key == whole.user.key_id and action != NEVER_DENIED))


def main() -> None:
    order, half_made = actions_in_order(), 0
    with local_aws() as aws:
        whole = new_stack(aws)
        with kept_provider(whole.root):
            for number, action in enumerate(order):
                whole.permit(NEVER_DENIED, *order[:number])
                with suppress(TerraformError):
                    whole.root.apply()
                    sys.exit(f"An apply was complete without {action}.")
                whole.permit("*")
                tainted = whole.taint(set()) if (whole.root.folder / "terraform.tfstate").exists() else 0
                half_made += tainted
                print(f"  without {action}: {tainted} half made", flush=True)
            whole.root.apply()
            if left := whole.root.plan():
                sys.exit(f"The plan at the end is not empty:\n{left}")
    print(f"{len(order)} applies stopped, {half_made} resources half made, then complete and an empty plan")


if __name__ == "__main__":
    main()
