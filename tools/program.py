"""What the programs behind the make targets share: options, progress messages, tables, and errors without a traceback."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .terraform import TerraformError

YES = ("1", "true", "yes")
SIGN_OF_LIFE_S = 10
say: Callable[[str], None] = partial(print, flush=True)
complain: Callable[[str], None] = partial(print, flush=True, file=sys.stderr)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that accepts no abbreviated options."""
    name = f"python -m {spec.name.removesuffix('.__main__')}" if (spec := sys.modules["__main__"].__spec__) else None
    shape = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=name, description=description, allow_abbrev=False, formatter_class=shape)


def flag(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """An option that is on when given, or given as 1, true or yes. Anything else is refused: `YES=0` must never mean yes."""

    def on(value: str) -> bool:
        if value.lower() not in YES:
            raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(YES)}. To say no, leave the option out")
        return True

    parser.add_argument(name, type=on, nargs="?", const=True, default=False, metavar="1", help=text)


def generate(description: str | None, command: str, wanted: Callable[[], Mapping[Path, bytes]]) -> int:
    """A program that writes files whose content is generated. With `--check` it returns 1 if one is out of date."""
    parser = arguments(description)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if something would be written")
    check = parser.parse_args().check
    stale = {path: content for path, content in wanted().items() if not path.is_file() or path.read_bytes() != content}
    for path, content in stale.items():
        say(f"{'out of date' if check else 'written'}: {path}")
        if not check:
            path.write_bytes(content)
    if check and stale:
        complain(f"run `{command}` and commit")
    return int(check and bool(stale))


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table without a final newline. Each cell is written as str() gives it."""
    names = list(header)
    first, *others = (f"| {' | '.join(map(str, cells))} |" for cells in (names, *rows))
    return "\n".join([first, "|" + "---|" * len(names), *others])


@contextmanager
def alive(say: Callable[[str], None] = say, what: str = "") -> Iterator[None]:
    """Print the elapsed time every ten seconds."""
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
    """Announce a long step, and print how long it took."""
    started = time.monotonic()
    say(f"  {text}")
    with alive(say):
        yield
    say(f"          {time.monotonic() - started:.1f} s")


def run(main: Callable[[], int | None]) -> None:
    """End this process with what `main` returns: 1 after a TerraformError, 130 after Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except TerraformError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        complain("\nInterrupted.")
        sys.exit(130)
    except BrokenPipeError:  # the reader of the output has ended
        os._exit(1)
