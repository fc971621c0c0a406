"""The whole chain against bare onnxruntime: how much of its throughput is left, and how much later a verdict is.

`pipeline`: at saturation, parts a second of the chain over runs a second of the bare session, in turns on the same
machine, with one thread for models in both; and over the usual design, each with as many as it takes by itself.
`latency`: exposure to verdict at 300 parts a minute over the bare run at that pace.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.apps.bench.bare import Bare
from edge.apps.bench.rig import IN_FLIGHT, Ran, Rig, make_station
from edge.apps.bench.trial import Trial
from edge.apps.bench.usual import Usual
from edge.bus.ring import Pixels
from edge.clock import SECOND, SystemClock
from edge.domain.result import Timings
from edge.inference.figures import percentile
from edge.inference.selftest import default_workers, usable_cores
from edge.inference.session import SessionOptions

_PERIOD_NS = SECOND // 5  # 300 parts a minute
_WARM_UP = 3
_PORT = 8080  # of a panel that is not started


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlan:
    """burst_s: how long each side runs at full speed in a round. paced: parts of each side in a round."""

    rounds: int
    burst_s: float = 3.0
    paced: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured: pictures, models and the options to run them with. folder: for files; its path is short."""

    folder: Path
    frames: list[Pixels]
    trials: dict[str, Trial]
    options: SessionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """figures: the keys of the group. taken: what they were computed from."""

    figures: dict[str, float]
    taken: dict[str, Any]


def measure(subject: Subject, plan: ChainPlan, wanted: Sequence[str]) -> dict[str, Found]:
    """wanted: of `pipeline` and `latency`."""
    groups = {"pipeline": pipeline, "latency": latency}
    return {name: take(subject, plan) for name, take in groups.items() if name in wanted}


def pipeline(subject: Subject, plan: ChainPlan) -> Found:
    figures: dict[str, float] = {}
    taken: dict[str, Any] = {"in_flight": IN_FLIGHT}
    with _rig(subject, "one", workers=1) as rig:
        for name in ("light", "heavy"):
            rows = _over_bare(subject, plan, rig, name)
            figures[f"{name}_ratio"] = _median(row["chain_per_s"] / row["bare_per_s"] for row in rows)
            taken[name] = {"side_px": subject.trials[name].side_px, "rounds": rows}
    with _rig(subject, "own") as rig:
        rows = _over_usual(subject, plan, rig)
    figures["over_usual"] = _median(row["chain_per_s"] / row["usual_per_s"] for row in rows)
    taken["usual"] = {"workers": default_workers(usable_cores()), "rounds": rows}
    return Found(figures=figures, taken=taken)


def latency(subject: Subject, plan: ChainPlan) -> Found:
    """With the light model, where what is not the model weighs most."""
    with contextlib.ExitStack() as stack:
        rig = stack.enter_context(_rig(subject, "paced"))
        bare = _bare(subject, "light", rig, stack)
        rig.run("light")
        rig.paced(_WARM_UP, _PERIOD_NS)
        bare_ns: list[int] = []
        chain = Ran()
        for _ in range(plan.rounds):
            bare_ns += bare.paced(plan.paced, _PERIOD_NS)
            ran = rig.paced(plan.paced, _PERIOD_NS)
            chain.timings += ran.timings
            chain.unjudged += ran.unjudged
    bare_ms = statistics.median(bare_ns) / 1e6
    ordered_ms = sorted(one.total_us / 1e3 for one in chain.timings)
    p50_ms, p99_ms = percentile(ordered_ms, 0.5), percentile(ordered_ms, 0.99)
    return Found(
        figures={"p50_over_bare": round(p50_ms / bare_ms, 3), "p99_over_bare": round(p99_ms / bare_ms, 3)},
        taken={
            "parts": len(ordered_ms), "unjudged": dict(chain.unjudged), "p50_ms": p50_ms, "p99_ms": p99_ms,
            "bare_p50_ms": round(bare_ms, 3), "of_which_p50_ms": _shares_ms(chain.timings),
            "bare_p99_ms": percentile(sorted(ns / 1e6 for ns in bare_ns), 0.99),
        },
    )  # fmt: skip


def _shares_ms(timings: list[Timings]) -> dict[str, float]:
    """Exposure to taken up (capture's copy is in it), prepared, model run; and the rest: waiting, deciding."""
    shares_us = {
        "waited": [one.waited_us for one in timings],
        "prepare": [one.prepare_us for one in timings],
        "model": [one.model_us for one in timings],
        "rest": [one.total_us - one.waited_us - one.prepare_us - one.model_us for one in timings],
    }
    return {name: round(statistics.median(values) / 1e3, 3) for name, values in shares_us.items()}


@contextlib.contextmanager
def _rig(subject: Subject, name: str, workers: int = 0) -> Iterator[Rig]:
    clock = SystemClock()
    trials = list(subject.trials.values())
    file = make_station(subject.folder / name, trials, subject.options, clock, _PORT, workers)
    rig = Rig(file, subject.frames, clock)
    try:
        yield rig
    finally:
        rig.close()


def _over_bare(subject: Subject, plan: ChainPlan, rig: Rig, name: str) -> list[dict[str, Any]]:
    """Bare before and after the chain, so that a machine that gets slower or faster meanwhile favours neither."""
    rows = []
    with contextlib.ExitStack() as stack:
        bare = _bare(subject, name, rig, stack)
        rig.run(name)
        for _ in range(plan.rounds):
            before_ns = bare.burst(plan.burst_s / 2)
            ran = rig.saturate(plan.burst_s)
            runs_ns = before_ns + bare.burst(plan.burst_s / 2)
            bare_per_s = len(runs_ns) * SECOND / sum(runs_ns)
            rows.append(_row(ran, bare_per_s=bare_per_s))
    return rows


def _over_usual(subject: Subject, plan: ChainPlan, rig: Rig) -> list[dict[str, Any]]:
    """The light model, with as many workers and threads as each takes by itself."""
    package = subject.trials["light"].package.folder
    with contextlib.closing(Usual(package, subject.frames, subject.folder / "usual", rig.mind)) as usual:
        rig.run("light")
        return [_row(rig.saturate(plan.burst_s), usual_per_s=usual.burst(plan.burst_s)) for _ in range(plan.rounds)]


def _row(ran: Ran, **others_per_s: float) -> dict[str, Any]:
    rates = {"chain_per_s": ran.per_s, **others_per_s}
    return {key: round(value, 2) for key, value in rates.items()} | {"unjudged": dict(ran.unjudged)}


def _bare(subject: Subject, name: str, rig: Rig, stack: contextlib.ExitStack) -> Bare:
    bare = Bare(subject.trials[name].package.folder, subject.options, rig.mind)
    stack.callback(bare.close)
    return bare


def _median(ratios: Iterator[float]) -> float:
    return round(statistics.median(ratios), 3)
