"""`edge bench`: the performance figures, as medians of interleaved rounds on this machine.

A figure that was not measured is not in the result. `taken` says what the ratios were computed from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.apps.bench import busy, chain, start, teaching, transport
from edge.apps.bench.about import machine
from edge.apps.bench.trial import PICTURES, draw_frames, make_trials
from edge.errors import UsageError
from edge.inference.session import SessionOptions

GROUPS = ("transport", "pipeline", "latency", "line", "memory", "start", "teach")
_SHM = Path("/dev/shm")  # noqa: S108 - the kernel's shared memory, where rings lie
_QUICK_PICTURES = 2  # the fewest that a model can be taught from
_CHAIN, _BUSY = ("pipeline", "latency"), ("line", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """only: groups (all when empty). quick: shows that everything works; its figures mean little.

    models: where the demo's recipes and models lie, if not where they are installed.
    """

    rounds: int = 5
    only: tuple[str, ...] = ()
    quick: bool = False
    models: Path | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.only) - set(GROUPS))
        if unknown:
            raise UsageError(f"there is no group {unknown[0]!r}", hint=f"one of: {', '.join(GROUPS)}")
        if not 1 <= self.rounds <= 1000:
            raise UsageError(f"{self.rounds} rounds cannot be", hint="use 1 to 1000")

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(group for group in GROUPS if not self.only or group in self.only)


def run(options: BenchOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Every wanted group, in GROUPS' order, then how they were taken and the machine. say: progress, for a person."""
    about = machine()  # before the bench itself makes load
    figures: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    rounds = 1 if options.quick else options.rounds
    if "transport" in options.groups:
        sizes = ("vga",) if options.quick else tuple(transport.SIZES)
        plan = transport.Plan(rounds, _SHM, lambda size, method: say(f"transport {size} {method}"), sizes)
        figures["transport"] = transport.measure(plan)
    with tempfile.TemporaryDirectory(prefix="edge-b-") as folder:
        _with_services(Path(folder), options, rounds, figures, taken, say)
        if "teach" in options.groups:
            found = teaching.measure(Path(folder) / "teach", _teach_plan(options, rounds), say)
            figures["teach"], taken["teach"] = found.figures, found.taken
    ordered = {group: figures[group] for group in options.groups}
    return ordered | {"rounds": rounds, "taken": taken, "machine": about}


def _with_services(
    folder: Path,
    options: BenchOptions,
    rounds: int,
    figures: dict[str, Any],
    taken: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    if wanted := _of(options.groups, (*_CHAIN, "start")):
        say("pictures and models")
        subject = _subject(folder, wanted, _QUICK_PICTURES if options.quick else PICTURES)
        taken["models"] = {name: trial.side_px for name, trial in subject.trials.items()}
        taken["threads"] = subject.options.threads
        if chained := _of(wanted, _CHAIN):
            say(" and ".join(chained))
            for name, found in chain.measure(subject, _chain_plan(options, rounds), chained).items():
                figures[name], taken[name] = found.figures, found.taken
        if "start" in wanted:
            say("start")
            figures["start"], taken["start"] = start.measure(subject, rounds)
    if wanted := _of(options.groups, _BUSY):
        say(" and ".join(wanted))
        done = busy.measure(folder / "demo", _busy_plan(options, rounds), wanted)
        figures.update(done.groups)
        taken.update(done.taken)


def _subject(folder: Path, wanted: Sequence[str], pictures: int) -> chain.Subject:
    """One thread each and no spinning: what the self-test chooses wherever capture, line and recorder need cores."""
    options, frames = SessionOptions(), draw_frames(pictures)
    names = ("light", "heavy") if "pipeline" in wanted else ("light",)
    trials = make_trials(folder / "made", frames, options, names)
    return chain.Subject(folder=folder, frames=frames, trials={trial.name: trial for trial in trials}, options=options)


def _chain_plan(options: BenchOptions, rounds: int) -> chain.ChainPlan:
    return chain.ChainPlan(rounds=rounds, burst_s=0.8, paced=5) if options.quick else chain.ChainPlan(rounds=rounds)


def _busy_plan(options: BenchOptions, rounds: int) -> busy.BusyPlan:
    if options.quick:
        return busy.BusyPlan(settle_s=1.0, burn_s=2.0, models=options.models)
    return busy.BusyPlan(burn_s=12.0 * rounds, models=options.models)


def _teach_plan(options: BenchOptions, rounds: int) -> teaching.TeachPlan:
    if options.quick:
        return teaching.TeachPlan(rounds=rounds, runs=5, picks=50, memory=False)
    return teaching.TeachPlan(rounds=rounds)


def _of(groups: Sequence[str], these: Sequence[str]) -> tuple[str, ...]:
    return tuple(group for group in groups if group in these)
