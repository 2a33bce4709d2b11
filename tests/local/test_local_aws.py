"""It ends with nothing left behind, answers as Terraform's provider needs it, and refuses a MiniStack that it does not know."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from local import patches
from local.aws import REPOSITORY, LocalAws
from tools.deployment import until

RUN_UNTIL_SIGNAL = """
import sys
from local.aws import local_aws
from tests.local.conftest import Api
with local_aws() as aws:
    api = Api(aws, "", "", aws.client("sqs").create_queue(QueueName="q")["QueueUrl"])
    aws.client("lambda").invoke(FunctionName=api.function("def handler(event, context): pass"))
    print(aws.endpoint, aws.faults.url, flush=True)
    sys.stdin.read()
"""


def processes(mark: str) -> list[str]:
    """Command lines of the processes that mention the mark, from `ps`, which every system has."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in listing.splitlines() if mark in line]


def answers(endpoint: str) -> bool:
    url = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((url.hostname or "", url.port or 0)) == 0


@pytest.mark.parametrize("end", ["end of the block", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_process_and_no_file_survives(tmp_path: Path, end: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_SIGNAL],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as starter:
        assert starter.stdout
        endpoints = starter.stdout.readline().split()
        assert [answers(endpoint) for endpoint in endpoints] == [True, True]
        assert processes(f"{tmp_path}/local-aws-")  # the function's worker
        if end.startswith("SIG"):
            os.killpg(starter.pid, signal.Signals[end])
    left = until(lambda: [*filter(answers, endpoints), *processes(str(tmp_path)), *tmp_path.iterdir()], lambda left: not left, 30, 0.05)
    assert left == []


def test_an_answers_head_and_body_leave_together(running_aws: LocalAws) -> None:
    url = urlsplit(running_aws.endpoint)
    with socket.create_connection((url.hostname or "", url.port or 0), 10) as connection:
        for _ in range(50):
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}\r\n".encode() in head.lower() + b"\r\n"
            assert body


def test_what_was_not_read_is_not_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    service, digest = SimpleNamespace(__name__="service", answers=answers), patches.source_digest(answers)
    patches.replaces(service, "answers", digest)
    with pytest.raises(SystemExit, match=r"replaces service.answers of MiniStack .* delete the patch if"):
        patches.replaces(service, "answers", "000000000000")
    monkeypatch.setattr(patches, "VERSION", "1.0.0")
    with pytest.raises(SystemExit, match="is installed"):
        patches.replaces(service, "answers", digest)
