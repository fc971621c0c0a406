"""Bare onnxruntime in a process of its own: nothing but `session.run`, as often as it can or at a given pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from edge.apps.bench.child import Child, serve
from edge.inference.session import Model, SessionOptions
from edge.store.packages import open_package

_SLACK_S = 30.0
_WARM_UP = 3


class Bare:
    """One model, loaded with the same options as in the chain. `close` ends the process and waits."""

    def __init__(self, package: Path, options: SessionOptions, meanwhile: Callable[[], None]) -> None:
        self._child = Child(_work, package, options, meanwhile=meanwhile)

    def burst(self, seconds: float) -> list[int]:
        """ns of each run, without a pause between them."""
        times_ns: list[int] = self._child.ask(("burst", seconds), seconds + _SLACK_S)
        return times_ns

    def paced(self, count: int, period_ns: int) -> list[int]:
        """ns of each run, one each period."""
        times_ns: list[int] = self._child.ask((count, period_ns), count * period_ns / 1e9 + _SLACK_S)
        return times_ns

    def close(self) -> None:
        self._child.close()


def _work(pipe: Connection, package: Path, options: SessionOptions) -> None:
    model = Model.load(open_package(package), options)
    tensor = model.preprocessor.buffer()

    def once() -> int:
        started_ns = time.monotonic_ns()
        model.run(tensor)
        return time.monotonic_ns() - started_ns

    def answer(question: tuple[str, float] | tuple[int, int]) -> list[int]:
        first, second = question
        if first == "burst":
            return _burst(once, float(second))
        return _paced(once, int(first), int(second))

    for _ in range(_WARM_UP):
        once()
    serve(pipe, answer)


def _burst(once: Callable[[], int], seconds: float) -> list[int]:
    until_ns = time.monotonic_ns() + round(seconds * 1e9)
    times_ns = []
    while time.monotonic_ns() < until_ns:
        times_ns.append(once())
    return times_ns


def _paced(once: Callable[[], int], count: int, period_ns: int) -> list[int]:
    due_ns, times_ns = time.monotonic_ns(), []
    for _ in range(count):
        due_ns += period_ns
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        times_ns.append(once())
    return times_ns
