"""What lets Terraform's provider work here as on AWS: answers in one piece, and repeats that do no harm."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.aws import LocalAws
from local.one_write import Gathering

SCHEDULE = {
    "ScheduleExpression": "rate(5 minutes)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "arn:aws:lambda:ap-northeast-2:000000000000:function:f", "RoleArn": "arn:aws:iam::000000000000:role/r"},
}


def test_an_answers_head_and_body_leave_together(aws: LocalAws) -> None:
    url = urlsplit(aws.endpoint)
    with socket.create_connection((url.hostname or "", url.port or 0), 10) as connection:
        for _ in range(50):
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}\r\n".encode() in head.lower() + b"\r\n"
            assert body


def test_what_is_written_before_a_close_is_sent() -> None:
    sent: list[bytes] = []

    class Transport:
        write = staticmethod(sent.append)
        close = staticmethod(lambda: sent.append(b"closed"))

    async def answer() -> None:
        transport = Gathering(Transport())  # type: ignore[arg-type]
        transport.write(b"head ")
        transport.write(b"body")
        transport.close()
        await asyncio.sleep(0)

    asyncio.run(answer())
    assert sent == [b"head body", b"closed"]


@pytest.fixture
def scheduler(aws: LocalAws) -> Any:
    client = aws.client("scheduler")
    yield client
    for schedule in client.list_schedules(NamePrefix="repeated")["Schedules"]:
        client.delete_schedule(Name=schedule["Name"])


def test_a_repeated_token_creates_one_schedule(scheduler: Any) -> None:
    first, second = (scheduler.create_schedule(Name="repeated", ClientToken="token-1", **SCHEDULE) for _ in range(2))
    assert first["ScheduleArn"] == second["ScheduleArn"]
    assert len(scheduler.list_schedules(NamePrefix="repeated")["Schedules"]) == 1


def test_another_token_or_other_parameters_are_a_conflict(scheduler: Any) -> None:
    scheduler.create_schedule(Name="repeated-2", ClientToken="token-2", **SCHEDULE)
    for changes in ({"ClientToken": "token-3"}, {"ClientToken": "token-2", "State": "DISABLED"}):
        with pytest.raises(scheduler.exceptions.ConflictException):
            scheduler.create_schedule(Name="repeated-2", **SCHEDULE, **changes)


def test_a_repeated_deletion_is_answered_like_the_first(scheduler: Any) -> None:
    scheduler.create_schedule(Name="repeated-3", **SCHEDULE)
    for _ in range(2):
        scheduler.delete_schedule(Name="repeated-3", ClientToken="token-4")
