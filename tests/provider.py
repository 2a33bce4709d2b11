"""One process of the AWS provider for many commands, with a schema of only the resource types that this repository names.

Terraform asks its provider for the schema of all 2,000 types with every command, which takes both of them longer than most plans.

python -m tests.provider PROVIDER starts that executable, and says in one line how Terraform reaches it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from local import leash
from local.aws import REPOSITORY
from tools.terraform import Program, Root, binary, environment

SERVICE = "/tfplugin5.Provider/"
TYPES_BY_NAME = {2, 3, 8}  # fields of GetProviderSchema.Response: maps from a name to its resource, data source or ephemeral resource
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
CALLS_AT_ONCE = 64
FOR_LARGE_PLANS = {"GOMEMLIMIT": "4GiB"}  # with less, garbage collection would take most of the time


@contextmanager
def running_provider(folder: Path, data: Path, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variable by which Terraform reaches a provider that runs in a folder, with this environment. `data` is that of an `init`.

    https://developer.hashicorp.com/terraform/plugin/debugging#running-terraform-with-a-provider-in-debug-mode
    """
    [path] = data.glob("providers/*/*/aws/*/*/terraform-provider-aws*")
    command, env = [sys.executable, "-m", "tests.provider", str(path)], {**env, "PYTHONPATH": str(REPOSITORY)}
    process = leash.start(command, cwd=str(folder), env=env, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield {"TF_REATTACH_PROVIDERS": process.stdout.readline().strip()}
    finally:
        leash.end(process)


@contextmanager
def kept_provider(first: Root, *others: Root) -> Iterator[None]:
    """Root folders share a provider that runs in the first one, which is initialised, with its environment.

    So paths in all of them are as in the first. It has one configuration at a time: the roots are run one after the other, and none has a
    provider block with an alias.
    """
    with running_provider(first.folder, Path(first._env["TF_DATA_DIR"]), first._env) as reattached:
        for root in (first, *others):
            root.program = Program(binary(), {**environment(), **reattached, **FOR_LARGE_PLANS})
        yield


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands every call on to the provider as it is, and shortens the schema in the answer."""

    def __init__(self, address: str) -> None:
        self._provider = grpc.insecure_channel(f"unix:{address}", UNLIMITED)
        self._schema = shortened(self._provider.unary_unary(f"{SERVICE}GetSchema")(b""), names())

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if not details.method.startswith(SERVICE):
            return None
        if details.method == f"{SERVICE}GetSchema":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: self._schema)
        call = self._provider.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: call(request))


def names() -> set[str]:
    """Every type that a file of this repository names."""
    folders = [folder for folder in REPOSITORY.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    files = [*REPOSITORY.glob("*.tf"), *(file for folder in folders for file in folder.rglob("*.*") if ".terraform" not in file.parts)]
    text = "".join(file.read_text() for file in files if file.suffix in (".tf", ".py", ".md", ".hcl"))
    return set(re.findall(r"aws_[a-z0-9_]+", text))


def shortened(schema: bytes, names: set[str]) -> bytes:
    """A GetProviderSchema.Response with these types alone. Its fields are all messages: a tag, a length, and so many bytes.

    https://protobuf.dev/programming-guides/encoding, https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/tfplugin5.proto
    """
    kept, end = [], 0
    while (start := end) < len(schema):
        tag, at = _number(schema, start)
        length, at = _number(schema, at)
        end = at + length
        if tag >> 3 in TYPES_BY_NAME:
            _, at = _number(schema, at)
            length, at = _number(schema, at)
            if schema[at : at + length].decode() not in names:
                continue
        kept.append(schema[start:end])
    return b"".join(kept)


def _number(message: bytes, at: int) -> tuple[int, int]:
    """The base-128 number at a place, and the place after it."""
    number = shift = 0
    while message[at] & 0x80:
        number |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number | message[at] << shift, at + 1


def main() -> None:
    provider = subprocess.Popen([sys.argv[1], "-debug"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert provider.stdout
    line = next(line for line in provider.stdout if "TF_REATTACH_PROVIDERS=" in line)
    reattach: dict[str, Any] = json.loads(line.split("'")[1])
    [described] = reattach.values()
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(described["Addr"]["String"])
        described["Addr"]["String"] = f"{folder}/provider"
        server = grpc.server(ThreadPoolExecutor(CALLS_AT_ONCE), handlers=[proxy], options=UNLIMITED)
        server.add_insecure_port(f"unix:{folder}/provider")
        server.start()
        print(json.dumps(reattach), flush=True)
        provider.wait()


if __name__ == "__main__":
    main()
