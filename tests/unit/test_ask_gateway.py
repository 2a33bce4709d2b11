"""What API Gateway's answer says of a connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from ask_gateway import Probe
from aws import Clients

from bench.dynamodb import CLOSE, RESET, answer
from tests.unit.fake_aws import FakeAws, error
from tests.unit.fast_delete_server import HANG, Server

OK = answer(b"{}")
VERDICTS = [
    (200, "none", "alive"),
    (410, "GoneException", "gone"),
    (403, "ForbiddenException", "refused"),
    (404, "NotFoundException", "refused"),
    (429, "LimitExceededException", "throttled"),
    (500, "InternalServerErrorException", "refused"),
    (503, "ServiceUnavailable", "refused"),
]


def asker(timeout: float = 2.0) -> Probe:
    return Probe(Clients(timeout=timeout, attempts=3))


@pytest.mark.parametrize("operation", ["GET", "DELETE"])
@pytest.mark.parametrize(("status", "code", "verdict"), VERDICTS)
def test_an_answer_is_a_verdict_and_is_asked_for_once(operation: str, status: int, code: str, verdict: str, aws: FakeAws) -> None:
    if status != 200:
        aws.on(f"{operation} @connections", error(status, code))
    probe = asker()
    ask = {"GET": probe.ask, "DELETE": probe.disconnect}[operation]
    assert ask("c=") == verdict
    assert [(request.operation, request.parameters["connectionId"]) for request in aws.requests] == [(f"{operation} @connections", "c=")]
    assert (code in probe.refusal) is bool(probe.refusal) is (verdict not in ("alive", "gone"))


@pytest.mark.parametrize("ends", [CLOSE, RESET])
@pytest.mark.parametrize("ask", [Probe.ask, Probe.disconnect])
def test_a_broken_kept_connection_repeats_the_question(ask: Callable[..., str], ends: str, endpoint: Server) -> None:
    """As the first one is that comes after Lambda had the environment frozen."""
    endpoint.answers = [OK, ends, OK]
    probe = asker()
    assert [ask(probe, "c"), ask(probe, "c")] == ["alive", "alive"]
    assert (len(endpoint.requests), endpoint.connections) == (3, 2)


def test_a_hanging_endpoint_is_a_refusal_after_the_timeout(endpoint: Server) -> None:
    endpoint.answers = [HANG]
    probe = asker(timeout=0.2)
    assert probe.ask("c") == "refused"
    assert "Timeout" in probe.refusal
    assert len(endpoint.requests) == 1


def test_a_question_that_breaks_again_is_a_refusal(endpoint: Server) -> None:
    endpoint.answers = [CLOSE, CLOSE]
    assert asker().ask("c") == "refused"
    assert len(endpoint.requests) == 2


def test_one_broken_connection_closes_all_kept_ones(endpoint: Server) -> None:
    probe = asker()

    def two_at_once() -> None:
        both = Barrier(2)
        endpoint.answers += [[both, OK], [both, OK]]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(probe.ask, "cd")) == ["alive", "alive"]

    two_at_once()
    endpoint.answers += [CLOSE, OK]
    assert probe.ask("c") == "alive"
    two_at_once()
    assert endpoint.connections == 2 + 2
