"""How many threads a model should have on this device: measured at start, side by side."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge import log
from edge.clock import Clock
from edge.inference.session import Model, PackageFiles, SessionOptions

_log = log.get(__name__)

_BUDGET_NS = 400_000_000
_MIN_ROUNDS, _MAX_ROUNDS = 5, 25
_CLEARLY = 0.7  # of one thread's time; less gain does not pay for twice the power and a second busy core


def usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def default_workers(cores: int) -> int:
    """How many parts' models run at once: on two cores two, on four two, on eight four (decision 0014)."""
    return max(min(2, cores), cores // 2)


def candidates(wanted: SessionOptions, cores: int) -> list[SessionOptions]:
    """One thread first. Two only where a core is left for capture, line and recorder."""
    one = replace(wanted, threads=1, spinning=False)
    if cores < 3:
        return [one]
    return [one, replace(one, threads=2), replace(one, threads=2, spinning=True)]


def choose(options: Sequence[SessionOptions], medians: Sequence[float]) -> SessionOptions:
    """The fastest when it is clearly faster than the first, else the first."""
    best = min(range(len(options)), key=medians.__getitem__)
    return options[best] if medians[best] < _CLEARLY * medians[0] else options[0]


def self_test(
    package: PackageFiles,
    wanted: SessionOptions,
    clock: Clock,
    *,
    cores: int | None = None,
    load: Callable[[PackageFiles, SessionOptions], Model] = Model.load,
) -> SessionOptions:
    """The options to run this model with; under half a second beyond the loading. ModelError from loading."""
    options = candidates(wanted, usable_cores() if cores is None else cores)
    if len(options) == 1:
        return options[0]
    models = [load(package, one) for one in options]
    tensor = models[0].preprocessor.buffer()
    times: list[list[int]] = [[] for _ in models]
    until = clock.now_ns() + _BUDGET_NS
    for turn in range(_MAX_ROUNDS):
        if turn >= _MIN_ROUNDS and clock.now_ns() >= until:
            break
        for model, spent in zip(models, times, strict=True):  # interleaved: all see the same load
            start = clock.now_ns()
            model.run(tensor)
            spent.append(clock.now_ns() - start)
    medians = [statistics.median(spent) for spent in times]
    chosen = choose(options, medians)
    shown = [(one.threads, one.spinning, round(median / 1e6, 1)) for one, median in zip(options, medians, strict=True)]
    _log.info("self-test (threads, spinning, ms): %s; chosen %d threads", shown, chosen.threads)
    return chosen
