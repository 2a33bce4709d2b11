"""One process of the AWS provider for many commands: to start it takes longer than most plans."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import leash
from tools.terraform import Program, Root, binary, environment


@contextmanager
def kept_provider(first: Root, *others: Root) -> Iterator[None]:
    """Root folders share a provider that runs in the first one, which is initialised, with its environment.

    So paths in all of them are as in the first. It has one configuration at a time: the roots are run one after the other, and none has a
    provider block with an alias.
    https://developer.hashicorp.com/terraform/plugin/debugging#running-terraform-with-a-provider-in-debug-mode
    """
    [path] = Path(first._env["TF_DATA_DIR"]).glob("providers/*/*/aws/*/*/terraform-provider-aws*")
    provider = leash.start([str(path), "-debug"], cwd=str(first.folder), env=first._env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert provider.stdout
        line = next(line for line in provider.stdout if "TF_REATTACH_PROVIDERS=" in line)
        for root in (first, *others):
            root.program = Program(binary(), {**environment(), "TF_REATTACH_PROVIDERS": line.split("'")[1]})
        yield
    finally:
        leash.end(provider)
