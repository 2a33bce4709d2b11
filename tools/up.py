"""`make up`: the stack of `make demo`, left running until Ctrl-C."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from local.aws import REPOSITORY, local_aws

from . import program
from .page.server import page
from .stack import Stack

HOW = """
Open the live page: {page}

Or, in another terminal, connect a client, and watch the table and the logs:

  export {settings}
  {python} -m websockets "{url}?clientId=me"
  cd {repository} && {python} -m tools.watch {endpoint}

With the AWS CLI, version 1 or 2:

  aws --endpoint-url {endpoint} dynamodb scan --table-name {table}
  aws --endpoint-url {endpoint} logs filter-log-events --log-group-name {log_group} --query "events[].message"

Ctrl-C here stops it and removes everything.
"""


def how(stack: Stack, page: str) -> str:
    """What to type to use a stack that is running."""
    environment = stack.aws.environment
    return HOW.format(
        page=page,
        settings=" ".join(f"{name}={environment[name]}" for name in sorted(environment) if name.startswith("AWS_")),
        python=sys.executable,
        url=stack.url,
        repository=REPOSITORY,
        endpoint=stack.aws.endpoint,
        table=stack.table,
        log_group=stack.outputs["disconnect_function"]["log_group_name"],
    )


def main() -> None:
    program.arguments(__doc__).parse_args()
    with suppress(KeyboardInterrupt), local_aws() as aws:
        stack = Stack(aws, "dev")
        stack.apply_step_by_step()
        with page(stack) as url:
            program.say(how(stack, url))
            threading.Event().wait()
    program.say("\nStopped, and removed.")


if __name__ == "__main__":
    program.run(main)
