"""`make up`: the stack of `make demo`, left running until Ctrl-C."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from local.aws import REPOSITORY, local_aws

from . import program
from .acts.trial import Trial
from .demo import apply
from .page.server import page
from .stack import Stack

HOW = """
Look at it, and play with it: {page}

In another terminal: the key of this run, a client, and what the table and the functions say about it:

  export {settings}
  {python} -m websockets "{url}?clientId=me"
  cd {repository} && {python} -m tools.watch {endpoint}

With the AWS CLI, version 1 or 2:

  aws --endpoint-url {endpoint} dynamodb scan --table-name {table}
  aws --endpoint-url {endpoint} logs filter-log-events --log-group-name {log_group} --query "events[].message"

Ctrl-C here ends it and removes everything.
"""


def how(stack: Stack, page: str) -> str:
    """What to type to play with a stack that is up."""
    environment = stack.aws.environment
    settings = " ".join(f"{name}={environment[name]}" for name in sorted(environment) if name.startswith("AWS_"))
    words = {"endpoint": stack.aws.endpoint, "python": sys.executable, "url": stack.url, "settings": settings, "table": stack.table}
    log_group = stack.outputs["disconnect_function"]["log_group_name"]
    return HOW.format(**words, page=page, repository=REPOSITORY, log_group=log_group)


def main() -> None:
    program.arguments(__doc__).parse_args()
    with suppress(KeyboardInterrupt), local_aws() as aws:
        stack = Stack(aws, "dev")
        apply(Trial(stack), stack)
        with page(stack) as url:
            program.say(how(stack, url))
            threading.Event().wait()
    program.say("\nStopped, and removed.")


if __name__ == "__main__":
    program.run(main)
