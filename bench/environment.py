"""A Lambda execution environment: AWS's own runtime client in a process of its own, fed by a stub of the runtime API.

Lambda's /var/task is read-only, so the function's own code is compiled in each cold start; boto3 in the runtime is not. The same here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
import uuid
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from local.fault_proxy import Answer, FaultProxy

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
TOKEN = "IQoJb3JpZ2luX2VjE" + "Zm9vYmFyYmF6/+" * 72 + "=="  # as long as a role's is in Lambda


class Environment:
    """One cold start and the invocations after it; a context manager. `log` receives the function's stdout."""

    def __init__(
        self, task: Path, handler: str, variables: dict[str, str], log: Path, prefix: tuple[str, ...] = (), timeout_s: int = 10
    ) -> None:
        self._timeout_s, self._log = timeout_s, log
        self._asked, self._events, self._answers = Queue[None](), Queue[bytes](), Queue[tuple[str, bytes]]()
        self._api = FaultProxy(self._serve)
        python = ".".join(map(str, sys.version_info[:2]))
        env = {
            "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{python}",  # from 3.12 on the runtime client waits for events in a thread
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_NAME": "disconnect",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/disconnect",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_LAMBDA_RUNTIME_API": self._api.url.removeprefix("http://"),
            "AWS_REGION": "eu-west-1",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "HOME": str(task),
            "LAMBDA_TASK_ROOT": str(task),
            "LANG": "en_US.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(SITE_PACKAGES),
            "SETUPTOOLS_USE_DISTUTILS": "stdlib",  # else setuptools, which Lambda has not, puts an import of its own into every start
            "TZ": ":UTC",
            "_HANDLER": handler,
            **variables,
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "awslambdaric", handler], cwd=task, env=env, stdout=output, stderr=subprocess.STDOUT
            )

    def _serve(self, method: str, path: str, _headers: dict[str, str], body: bytes) -> Answer:
        """Hands out events and takes their answers. Source: Lambda developer guide, "Using the Lambda runtime API"."""
        if method == "POST":
            self._answers.put((path, body))
            return 202, [], b""
        self._asked.put(None)
        event = self._events.get()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:disconnect",
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        }
        return 200, list(headers.items()), event

    def __enter__(self) -> Environment:
        self._api.__enter__()
        self._wait_until_idle()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self._api.__exit__()

    def invoke(self, event: dict[str, Any]) -> None:
        """One event, until the function asks for the next."""
        self._events.put(json.dumps(event).encode())
        path, answer = self._answers.get(timeout=self._timeout_s + 60)
        if not path.endswith("/response"):
            raise RuntimeError(f"the function answered {answer!r}; its log ends: {self._log.read_text()[-2000:]}")
        self._wait_until_idle()

    def _wait_until_idle(self) -> None:
        """Wait until the function has asked for an event and sleeps."""
        while True:
            try:
                self._asked.get(timeout=5)
                break
            except Empty:
                if self.process.poll() is not None or not self._answers.empty():
                    raise RuntimeError(f"the function ended in INIT; its log: {self._log.read_text()}") from None
        while self._stat("State") != "S":
            time.sleep(0.0005)

    def _stat(self, name: str) -> str:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(line.split()[1] for line in status.splitlines() if line.startswith(name + ":"))

    def cpu_seconds(self) -> float:
        """User and system time of all the process's threads so far, to the nanosecond: its CPU clock as clock_getcpuclockid(3) names it."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def peak_memory_bytes(self) -> int:
        return int(self._stat("VmHWM")) * 1024
