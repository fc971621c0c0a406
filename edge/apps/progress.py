"""How far a long command has come: a bar for a person, JSON lines for the panel's jobs. Both on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from edge.clock import SECOND, Clock, SystemClock
from edge.errors import ServiceError
from edge.service import Stop

Step = Callable[[str, int, int], None]
"""(what is done, steps done, steps in all; 0: nobody knows how many)"""

_LINE_EVERY_NS = SECOND // 10  # within one step: a reader wants to see it move, not every part


@contextmanager
def progress_shown(as_lines: bool) -> Iterator[Step]:
    """as_lines: one JSON object {"step", "done", "of"} a line, for a program. Otherwise a bar, if it is a terminal."""
    if as_lines:
        yield Lines(sys.stderr, SystemClock())
        return
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of or None)


class Lines:
    """The first and the last of each step, and ten a second between."""

    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._out, self._clock = out, clock
        self._step, self._said_ns = "", 0

    def __call__(self, what: str, done: int, of: int) -> None:
        now_ns = self._clock.now_ns()
        if what == self._step and done != of and now_ns - self._said_ns < _LINE_EVERY_NS:
            return
        self._step, self._said_ns = what, now_ns
        with contextlib.suppress(OSError):  # whoever read it is gone; the work goes on
            print(json.dumps({"step": what, "done": done, "of": of}), file=self._out, flush=True)


class Steps:
    """A Step that measures how long each takes, and ends the command at the next step once it was asked to stop."""

    def __init__(self, step: Step, clock: Clock, stop: Stop) -> None:
        self._step, self._clock, self._stop = step, clock, stop
        self._took_ns: dict[str, int] = {}
        self._now, self._since_ns = "", clock.now_ns()

    def __call__(self, what: str, done: int, of: int) -> None:
        """ServiceError when a stop was requested."""
        if what != self._now:
            self.end()
            self._now = what
        self._step(what, done, of)
        self.check()

    def check(self) -> None:
        """ServiceError when a stop was requested."""
        if self._stop.requested:
            raise ServiceError("interrupted; nothing was written", hint="start it again")

    def end(self) -> None:
        """Of the present step."""
        now_ns = self._clock.now_ns()
        if self._now:
            self._took_ns[self._now] = self._took_ns.get(self._now, 0) + now_ns - self._since_ns
        self._now, self._since_ns = "", now_ns

    @property
    def seconds(self) -> dict[str, float]:
        """Of each step that has ended, in the order in which they began."""
        return {what: round(took / SECOND, 3) for what, took in self._took_ns.items()}
