"""Plans, offline: calls.py says of what. Many at a time, since starting the provider takes longer than a plan."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.provider import FOR_LARGE_PLANS, running_provider
from tools import terraform

from .calls import CALLS, LATER_RESOURCE, MOCKED, OUTPUTS, PLANNED, PROVIDER, REPOSITORY, Call

Resources = dict[str, dict[str, Any]]  # address within the module -> planned values
Plans = dict[str, Resources]  # by call
ROOT = """terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""


def copied(folder: Path) -> Path:
    """A copy of what a consumer downloads, to change."""
    for part in ("modules", "function", "dist"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
    for file in REPOSITORY.glob("*.tf"):
        shutil.copy(file, folder)
    return folder


def forget_checksums(lock: Path) -> None:
    """Or every command would begin by computing that of the provider's 700 MB."""
    lock.write_text(re.sub(r" +hashes += \[.*?\]\n", "", lock.read_text(), flags=re.DOTALL))


class _Account(BaseHTTPRequestHandler):
    """STS, whose GetCallerIdentity is the one call of an offline plan."""

    def do_POST(self) -> None:
        result = "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>"
        body = f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def sts() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Account) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def run(sts: str) -> Iterator[Callable[..., str]]:
    """Runs Terraform, or the tool that `make matrix` tries, in a folder and returns its output; raises TerraformError with it."""
    tried = os.environ.get("MATRIX_PROGRAM")
    program = terraform.Program(tried, {}) if tried else terraform.Program(terraform.binary(), terraform.environment())
    provider: dict[str, str] = {}  # how to reach one for all commands

    def ran(folder: Path, *arguments: str) -> str:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = {**own, "AWS_ENDPOINT_URL_STS": sts, **program.environment, **FOR_LARGE_PLANS}
        if not (tried or provider or "init" in arguments) and (folder / ".terraform/providers").exists():
            provider.update(open_providers.enter_context(running_provider(folder, folder / ".terraform", environment)))
        with terraform.installing() if "init" in arguments else nullcontext():
            done = subprocess.run([program.path, *arguments], cwd=folder, env={**environment, **provider}, capture_output=True, text=True)
        if done.returncode:
            raise terraform.TerraformError(done.stdout + done.stderr)
        if "init" in arguments and (lock := folder / ".terraform.lock.hcl").exists():
            forget_checksums(lock)
        return done.stdout

    with ExitStack() as open_providers:
        yield ran


@pytest.fixture(scope="session")
def consumer(tmp_path_factory: pytest.TempPathFactory, run: Callable[..., str]) -> Callable[..., Path]:
    """A root folder with these calls, initialised."""

    def written(calls: dict[str, Call], more: str, **files: str) -> Path:
        folder = tmp_path_factory.mktemp("consumer")
        (folder / "main.tf").write_text(ROOT + LATER_RESOURCE + more + "".join(call.block(name) for name, call in calls.items()))
        for name, text in files.items():
            (folder / f"{name}.tftest.hcl").write_text(text)
        run(folder, "init", "-no-color")
        return folder

    return written


@pytest.fixture(scope="session")
def plans(consumer: Callable[..., Path], run: Callable[..., str]) -> Callable[[dict[str, Call]], Plans]:
    """What the provider plans for calls."""

    def planned(calls: dict[str, Call]) -> Plans:
        folder = consumer(calls, PROVIDER)
        run(folder, "plan", "-no-color", "-out=plan")
        return by_call(json.loads(run(folder, "show", "-json", "plan")))

    return planned


@pytest.fixture(scope="session")
def planned(plans: Callable[[dict[str, Call]], Plans]) -> Plans:
    return plans(PLANNED)


@pytest.fixture(scope="session")
def known(consumer: Callable[..., Path], run: Callable[..., str]) -> Plans:
    """What is planned where the provider answers with all ARNs and URLs at plan time."""
    test = MOCKED + "".join(call.overrides(name) for name, call in CALLS.items()) + 'run "all" {\n  command = plan\n}\n'
    outputs = "".join(f'output "{name}" {{\n  value = module.{name}.{output}\n}}\n' for name, output in OUTPUTS.items())
    messages = [json.loads(line) for line in run(consumer(CALLS, outputs, all=test), "test", "-json", "-verbose").splitlines()]
    return by_call(next(message["test_plan"] for message in messages if message["type"] == "test_plan"))


def by_call(plan: dict[str, Any]) -> Plans:
    found: Plans = {}
    for change in plan["resource_changes"]:
        if "module_address" in change:
            _, call, address = change["address"].split(".", 2)
            found.setdefault(call, {})[address] = change["change"]["after"]
    for call, change in plan.get("output_changes", {}).items():
        found[call][f"output.{OUTPUTS[call]}"] = change["after"]
    return found
