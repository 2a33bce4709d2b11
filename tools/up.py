"""`make up`: the stack of `make demo`, left running until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading

from local.aws import LocalAws, local_aws

from .demo import Demo, apply
from .stack import Stack
from .terraform import TerraformError

HOW = """
Connect:   {python} -m websockets {url}
Look:      {settings} aws dynamodb scan --table-name {table}
           {settings} aws logs tail /aws/lambda/history-dev-disconnect
Terraform: the variables above, in envs/dev
Endpoint:  {endpoint} (keys test/test)

Ctrl-C ends it and removes everything.
"""


def run(aws: LocalAws) -> None:
    stack, demo = Stack.on(aws, "dev"), Demo()
    apply(demo, stack)
    settings = " ".join(f"{name}={aws.environment[name]}" for name in sorted(aws.environment) if name.startswith("AWS_"))
    print(HOW.format(python=sys.executable, url=stack.url, settings=settings, table=stack.table, endpoint=aws.endpoint), flush=True)
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
