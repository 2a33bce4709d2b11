"""A Lambda execution environment: AWS's own runtime client in a process of its own, fed by a stub of the runtime API.

Lambda's /var/task is read-only, so the function's own code is compiled in each cold start; boto3 in the runtime is not. The same here.
"""

from __future__ import annotations

import http.server
import json
import os
import queue
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
from pathlib import Path
from typing import Any

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
TOKEN = "IQoJb3JpZ2luX2VjE" + "Zm9vYmFyYmF6/+" * 72 + "=="  # as long as a role's is in Lambda


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out events to one function and takes its answers. Source: Lambda developer guide, "Using the Lambda runtime API"."""

    daemon_threads = True

    def __init__(self, timeout_s: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.timeout_s = timeout_s
        self.asked: queue.Queue[None] = queue.Queue()  # the function asked for its next event: it is idle
        self.events: queue.Queue[bytes] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet, as a real one is
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        self.server.asked.put(None)
        event = self.server.events.get()
        self.send_response(200)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(event)),
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.server.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:disconnect",
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(event)
        self.wfile.flush()

    def do_POST(self) -> None:
        self.server.answers.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Environment:
    """One cold start and the invocations after it; a context manager. `log` receives the function's stdout."""

    def __init__(
        self, task: Path, handler: str, variables: dict[str, str], log: Path, prefix: tuple[str, ...] = (), timeout_s: int = 10
    ) -> None:
        self._api, self._log = RuntimeApi(timeout_s), log
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
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_address[1]}",
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

    def __enter__(self) -> Environment:
        self._wait_until_idle()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self._api.shutdown()
        self._api.server_close()

    def invoke(self, event: dict[str, Any]) -> None:
        """One event, until the function asks for the next."""
        self._api.events.put(json.dumps(event).encode())
        path, answer = self._api.answers.get(timeout=self._api.timeout_s + 60)
        if not path.endswith("/response"):
            raise RuntimeError(f"the function answered {answer!r}; its log ends: {self._log.read_text()[-2000:]}")
        self._wait_until_idle()

    def _wait_until_idle(self) -> None:
        """Wait until the function has asked for an event and sleeps."""
        while True:
            try:
                self._api.asked.get(timeout=5)
                break
            except queue.Empty:
                if self.process.poll() is not None or not self._api.answers.empty():
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
