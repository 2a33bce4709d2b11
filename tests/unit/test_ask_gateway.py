"""What API Gateway's answer says of a connection."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TYPE_CHECKING

import pytest
from ask_gateway import Probe
from aws import Clients

from tests.unit.fake_aws import error
from tests.unit.fast_delete_server import CLOSE, RESET, Server, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.fake_aws import FakeAws

OK = answer(b"{}")
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
    assert asker().disconnect("c") == verdict


def test_closing_a_connection_is_one_delete(aws: FakeAws) -> None:
    assert asker().disconnect("c") == "alive"
    assert aws.operations == ["DELETE @connections"]


def test_a_hanging_endpoint_is_a_refusal_after_the_timeout(aws: FakeAws) -> None:
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


@pytest.fixture
def endpoint(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(None) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", server.url)
        yield server


@pytest.mark.parametrize("ends", [CLOSE, RESET])
@pytest.mark.parametrize("ask", [Probe.ask, Probe.disconnect])
def test_a_broken_kept_connection_repeats_the_question(ask: Callable[..., str], ends: str, endpoint: Server) -> None:
    """As the first one is that comes after Lambda had the environment frozen."""
    endpoint.answers = [OK, ends, OK]
    probe = asker()
    assert [ask(probe, "c"), ask(probe, "c")] == ["alive", "alive"]
    assert (len(endpoint.requests), endpoint.connections) == (3, 2)


def test_a_question_that_breaks_again_is_a_refusal(endpoint: Server) -> None:
    endpoint.answers = [CLOSE, CLOSE]
    assert asker().ask("c") == "refused"
    assert len(endpoint.requests) == 2


class Together(Event):
    """Happens when two wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._barrier = Barrier(2, timeout=10)

    def wait(self, timeout: float | None = None) -> bool:
        return self._barrier.wait() >= 0


def test_one_broken_connection_closes_all_kept_ones(endpoint: Server) -> None:
    probe = asker()

    def two_at_once() -> None:
        both = Together()
        endpoint.answers += [[both, OK], [both, OK]]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(probe.ask, "cd")) == ["alive", "alive"]

    two_at_once()
    endpoint.answers += [CLOSE, OK]
    assert probe.ask("c") == "alive"
    two_at_once()
    assert endpoint.connections == 2 + 2
