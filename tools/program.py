"""What the programs behind the make targets have in common: flags, signs of life, and an end without a traceback."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from .terraform import TerraformError

YES = ("1", "true", "yes")
SIGN_OF_LIFE_S = 10
say: Callable[[str], None] = partial(print, flush=True)
complain: Callable[[str], None] = partial(print, flush=True, file=sys.stderr)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that takes no abbreviation: an option that is not spelled out is an error."""
    name = f"python -m {spec.name.removesuffix('.__main__')}" if (spec := sys.modules["__main__"].__spec__) else None
    return argparse.ArgumentParser(
        prog=name, description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def flag(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """An option that is on when given, or given as 1, true or yes. Anything else is refused: `YES=0` must never mean yes."""

    def on(value: str) -> bool:
        if value.lower() not in YES:
            raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(YES)}: leave it out if you mean no")
        return True

    parser.add_argument(name, type=on, nargs="?", const=True, default=False, metavar="1", help=text)


def only_checks(description: str | None) -> bool:
    """Whether the one option of a program that writes files is given: `--check`."""
    parser = arguments(description)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when something would be written")
    return bool(parser.parse_args().check)


@contextmanager
def alive(say: Callable[[str], None] = say, what: str = "") -> Iterator[None]:
    """Give a sign of life every ten seconds."""
    started, done = time.monotonic(), threading.Event()

    def breathe() -> None:
        while not done.wait(SIGN_OF_LIFE_S):
            say(f"          … {time.monotonic() - started:.0f} s {what}".rstrip())

    threading.Thread(target=breathe, daemon=True).start()
    try:
        yield
    finally:
        done.set()


@contextmanager
def step(text: str, say: Callable[[str], None] = say) -> Iterator[None]:
    """Announce a long step, give signs of life, and say how long it took."""
    started = time.monotonic()
    say(f"  {text}")
    with alive(say):
        yield
    say(f"          {time.monotonic() - started:.1f} s")


def run(main: Callable[[], int | None]) -> None:
    """Ends this process with what `main` returns: 1 after a TerraformError, 130 after Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except TerraformError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        complain("\nInterrupted.")
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has gone
        os._exit(1)
