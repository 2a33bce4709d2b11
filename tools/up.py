"""`make up`: the stack of `make demo`, left running until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading

from local.aws import LocalAws, local_aws

from .demo import Demo, apply
from .page.server import page
from .stack import Stack
from .terraform import TerraformError

HOW = """
Look at it, and play with it: {page}

The endpoint is {endpoint}. In another terminal:

  {python} -m websockets {url}

  export {settings}
  aws dynamodb scan --table-name {table}
  aws logs tail {log_group}

Ctrl-C here ends it and removes everything.
"""


def run(aws: LocalAws) -> None:
    stack, demo = Stack.on(aws, "dev"), Demo()
    apply(demo, stack)
    settings = " ".join(f"{name}={aws.environment[name]}" for name in sorted(aws.environment) if name.startswith("AWS_"))
    log_group = stack.outputs["functions"]["disconnect"]["log_group_name"]
    words = {"endpoint": aws.endpoint, "python": sys.executable, "url": stack.url, "settings": settings, "table": stack.table}
    with page(stack) as url:
        print(HOW.format(**words, log_group=log_group, page=url), flush=True)
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
