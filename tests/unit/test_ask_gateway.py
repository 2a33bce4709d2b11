"""What API Gateway's answer says of a connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from ask_gateway import Probe
from aws import Clients

from tests.unit.fake_aws import error

if TYPE_CHECKING:
    from tests.unit.fake_aws import FakeAws

VERDICTS = [
    (410, "GoneException", "gone"),
    (403, "ForbiddenException", "refused"),
    (404, "NotFoundException", "refused"),
    (429, "LimitExceededException", "throttled"),
    (500, "InternalServerErrorException", "refused"),
    (503, "ServiceUnavailable", "refused"),
]


def asker(timeout: float = 2.0) -> Probe:
    return Probe(Clients(timeout=timeout, attempts=3))


def test_a_connection_that_is_there_is_alive(aws: FakeAws) -> None:
    probe = asker()
    assert probe.ask("c=") == "alive"
    assert [(request.operation, request.parameters["connectionId"]) for request in aws.requests] == [("GET @connections", "c=")]
    assert probe.refusal == ""


@pytest.mark.parametrize(("status", "code", "verdict"), VERDICTS)
def test_an_answer_is_a_verdict_and_is_asked_for_once(status: int, code: str, verdict: str, aws: FakeAws) -> None:
    aws.on("GET @connections", error(status, code))
    probe = asker()
    assert probe.ask("c") == verdict
    assert len(aws.requests) == 1
    assert (code in probe.refusal) is (verdict != "gone")


@pytest.mark.parametrize(("status", "code", "verdict"), VERDICTS)
def test_closing_a_connection_has_the_same_verdicts(status: int, code: str, verdict: str, aws: FakeAws) -> None:
    aws.on("DELETE @connections", error(status, code))
    assert asker().close("c") == verdict


def test_closing_a_connection_is_one_delete(aws: FakeAws) -> None:
    assert asker().close("c") == "alive"
    assert aws.operations == ["DELETE @connections"]


def test_an_endpoint_that_hangs_is_a_refusal_as_soon_as_the_time_out_is_over(aws: FakeAws) -> None:
    aws.on("GET @connections", aws.hang)
    probe = asker(timeout=0.2)
    assert probe.ask("c") == "refused"
    assert "Timeout" in probe.refusal
    assert len(aws.requests) == 1


def test_an_endpoint_that_is_not_there_is_a_refusal(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", f"http://127.0.0.1:{unused.getsockname()[1]}")
        probe = asker()
        assert probe.ask("c") == "refused"
    assert "Could not connect" in probe.refusal
