"""`make up`: the stack of `make demo`, left running until Ctrl-C. It shows who comes and leaves, and what the functions log."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress

from local.aws import local_aws

from . import program
from .deployment import News, plain
from .page.server import page
from .stack import Stack

PAUSE_S = 0.3
HOW = """
Open the live page: {page}

Or, in another terminal, connect a client:

  export {settings}
  {python} -m websockets "{stack.url}?clientId=me"

With the AWS CLI, version 1 or 2:

  aws --endpoint-url {stack.aws.endpoint} dynamodb scan --table-name {stack.table}
  aws --endpoint-url {stack.aws.endpoint} logs filter-log-events --log-group-name {log_group} --query "events[].message"

Here you see who comes and leaves, and the functions' log lines. Ctrl-C stops it and removes everything.
"""


def main() -> None:
    program.arguments(__doc__).parse_args()
    with suppress(KeyboardInterrupt), local_aws() as aws:
        stack = Stack(aws, "dev")
        stack.apply_step_by_step()
        with page(stack) as url:
            settings = " ".join(f"{name}={value}" for name, value in sorted(stack.aws.environment.items()) if name.startswith("AWS_"))
            log_group = stack.outputs["disconnect_function"]["log_group_name"]
            program.say(HOW.format(page=url, settings=settings, python=sys.executable, stack=stack, log_group=log_group))
            news = News(stack)
            while True:
                for kind, what in news.look():
                    said = plain(what) if kind in ("came", "left") else what
                    program.say(f"{time.strftime('%H:%M:%S')}  {kind:10}  {json.dumps(said, ensure_ascii=False)}")
                time.sleep(PAUSE_S)
    program.say("\nStopped, and removed.")


if __name__ == "__main__":
    program.run(main)
