"""What a person sees: one line for each part and a summary on stdout, a progress bar on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from edge.apps.inspect.judge import JudgedPart
from edge.apps.inspect.summary import Summary
from edge.apps.inspect.words import InspectWords
from edge.domain.verdict import ReasonCode, Verdict
from edge.service import Stop


class Screen(Protocol):
    """progress: seen and in all (0: unknown), frames or pictures."""

    def progress(self, seen: int, total: int) -> None: ...

    def part(self, part: JudgedPart) -> None: ...

    def summary(self, summary: Summary) -> None: ...


class PlainScreen:
    """`lines`: False keeps stdout free for `--json`. A reader of stdout who goes away ends the run like Ctrl-C."""

    def __init__(self, words: InspectWords, stop: Stop, *, lines: bool) -> None:
        self._words, self._stop, self._lines = words, stop, lines
        self._progress: Progress | None = None

    @contextmanager
    def shown(self, what: str) -> Iterator[None]:
        """The bar, only where a person can see it move."""
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        # Lines go above the bar when both are on one terminal; otherwise stdout is left alone.
        with Progress(
            *columns,
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        ) as progress:
            self._progress = progress
            self._task = progress.add_task(what, total=None)
            yield
        self._progress = None

    def progress(self, seen: int, total: int) -> None:
        if self._progress is not None:
            self._progress.update(self._task, completed=seen, total=total or None)

    def part(self, part: JudgedPart) -> None:
        worst = part.worst
        score = f"{worst.score:9.4g}" if worst else " " * 9
        time = "" if part.time_s is None else f" {part.time_s:.2f} s"
        words = self._words.reasons(part.result)
        self._say(f"{part.n:5}  {part.verdict.value:13}  {score}  {part.name}{time}  {words}".rstrip())

    def summary(self, summary: Summary) -> None:
        words = self._words
        self._say("")
        counts = ", ".join(f"{words.verdict(Verdict(code))} {n}" for code, n in summary.verdicts.items() if n)
        self._say(f"{summary.parts} {words('parts')}: {counts or '-'}")
        for code, n in summary.reasons.items():
            self._say(f"  {n:5}  {words.code(ReasonCode(code))}")
        for name, verdicts in summary.groups.items():
            found = ", ".join(f"{words.verdict(Verdict(code))} {n}" for code, n in verdicts.items() if n)
            self._say(f"  {words('group')} {name or '.'}: {found}")
        for check, value in summary.auroc.items():
            self._say(f"  AUROC {check}: {value:.4f}")
        if summary.latency_ms.p50 is not None:
            self._say(f"  {words('latency')}: p50 {summary.latency_ms.p50:.1f} ms, p99 {summary.latency_ms.p99:.1f} ms")
        for note in notes(summary, words):
            self._say(f"  {note}")

    def _say(self, line: str) -> None:
        if not self._lines:
            return
        try:
            # Not typer.echo: it would go past rich, through the bar.
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._lines = False
            self._stop.request()
            # What is still buffered must not complain when Python ends (docs.python.org, SIGPIPE).
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def notes(summary: Summary, words: InspectWords) -> list[str]:
    """Whatever was not looked at, in words."""
    found: list[str] = []
    if summary.passed_over:
        found.append(f"{summary.passed_over} {words('files that are no pictures were passed over')}")
    if summary.interrupted:
        found.append(words("interrupted: what came later was not judged"))
    frames = summary.frames
    if frames is None:
        return found
    found.append(f"{frames.shown}/{frames.told or '?'} {words('frames seen')}")
    if frames.undecodable:
        found.append(f"{frames.undecodable} {words('frames could not be decoded')}")
    odd = frames.barrier.too_short + frames.barrier.too_long if frames.barrier else 0
    if odd:
        found.append(f"{odd} {words('passed the barrier with a length that no part may have, and were not judged')}")
    if frames.cut_short and not summary.interrupted:
        found.append(words("the video ends before its own end: what came later was not judged"))
    return found
