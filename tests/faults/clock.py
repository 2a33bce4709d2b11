"""A clock that waits for nobody, and entry points imported fresh under it. Imports no more than a Lambda environment has."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any
from unittest import mock

FUNCTION = Path(__file__).resolve().parents[2] / "function"


class Clock:
    """Stands in for `time`: a sleep is over at once, and then it is later. Else it stands still."""

    strftime, gmtime = staticmethod(time.strftime), staticmethod(time.gmtime)

    def __init__(self, now: float = 1_795_305_600.0) -> None:
        self.now = now  # epoch s
        self._lock = Lock()
        self.slept: list[float] = []

    @property
    def ms(self) -> int:
        return int(self.now * 1000)

    def time(self) -> float:
        return self.now

    monotonic = time

    def time_ms(self) -> float:
        return self.now * 1000

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


class InLine:
    """A pool that does each task as it is handed in: what takes time takes it on the simulated clock."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> InLine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [work(item) for item in items]


@dataclass
class Context:
    """Lambda's context object, for as long as the function may run (s, by the clock)."""

    timeout: float = 10.0
    clock: Any = time
    aws_request_id: str = "6f1c1a1e-0000-4000-8000-000000000001"

    def __post_init__(self) -> None:
        self._until = self.clock.monotonic() + self.timeout

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - self.clock.monotonic()) * 1000)


@contextmanager
def simulated_time(clock: Clock) -> Iterator[None]:
    """The function's modules see the clock instead of `time`; fast_delete does not, since it needs the real one for its sockets."""
    with ExitStack() as patches:
        for path in FUNCTION.glob("*.py"):
            if path.stem not in ("disconnect", "cleanup", "fast_delete"):
                module = importlib.import_module(path.stem)
                if hasattr(module, "time"):
                    patches.enter_context(mock.patch.object(module, "time", clock))
        yield


def load(name: str, clock: Clock) -> ModuleType:
    """A new environment's INIT: the entry point, imported under the variables of now."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_world", FUNCTION / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "time"):
        module.time = clock  # type: ignore[attr-defined]
    return module
