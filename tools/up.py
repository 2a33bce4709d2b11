"""`make up`: the stack of `make demo`, left running until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading

from local.aws import LocalAws, local_aws

from .demo import Demo, apply
from .page.server import page
from .stack import Stack, log_group
from .terraform import TerraformError

HOW = """
Look at it, and play with it: {page}

The endpoint is {endpoint}. In another terminal, a client, and what becomes of it:

  {python} -m websockets "{url}?clientId=me"
  {python} -m tools.watch {endpoint}

With the AWS CLI, version 1 or 2:

  export {settings}
  aws --endpoint-url {endpoint} dynamodb scan --table-name {table}
  aws --endpoint-url {endpoint} logs filter-log-events --log-group-name {log_group} --query "events[].message"

Ctrl-C here ends it and removes everything.
"""


def how(stack: Stack, page: str) -> str:
    """What to type to play with a stack that is up."""
    environment = stack.aws.environment
    settings = " ".join(f"{name}={environment[name]}" for name in sorted(environment) if name.startswith("AWS_"))
    words = {"endpoint": stack.aws.endpoint, "python": sys.executable, "url": stack.url, "settings": settings, "table": stack.table}
    return HOW.format(**words, page=page, log_group=log_group(stack.name, "disconnect"))


def run(aws: LocalAws) -> None:
    stack = Stack.on(aws, "dev")
    apply(Demo(), stack)
    with page(stack) as url:
        print(how(stack, url), flush=True)
        threading.Event().wait()


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with local_aws() as aws:
            run(aws)
    except TerraformError as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("\nStopped, and removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
