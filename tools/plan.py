"""`make plan`: the plan of every environment against the local AWS, so without an account or credentials."""

from __future__ import annotations

import sys

from local.aws import local_aws

from .stack import TABLES, Stack
from .terraform import TerraformError


def main() -> None:
    with local_aws() as aws:
        for name in TABLES:
            stack = Stack.on(aws, name)
            stack.init()
            stack.platform.apply()
            print(f"# envs/{name}\n{stack.env.plan()}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except TerraformError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
