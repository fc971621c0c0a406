"""The demo at work, for figures that need a whole plant: memory of each process, and the line while all cores burn.

`memory` is read while the demo runs as people run it, panel included. `line` is what the line counted from its start to
the end, most of it with one burning process for each core beside the demo, at normal priority.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge.apps.bench.footprint import Footprint, footprint
from edge.apps.demo.plant import Feed, Plant
from edge.apps.demo.station import make_demo_station
from edge.clock import SECOND, Clock, SystemClock
from edge.errors import ServiceError
from edge.service import Stop

PRODUCT, RATE_PER_MIN = "biscuit", 300.0
_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyPlan:
    """settle_s: of parts before memory is read. burn_s: how long the cores burn. models: where the demo's lie, if not
    where they are installed."""

    settle_s: float = 10.0
    burn_s: float = 60.0
    models: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Groups that were wanted, with their keys; taken: how."""

    groups: dict[str, dict[str, float]]
    taken: dict[str, Any]


def measure(folder: Path, plan: BusyPlan, wanted: tuple[str, ...]) -> Busy:
    """wanted: of `memory` and `line`."""
    clock, groups = SystemClock(), {}
    taken: dict[str, Any] = {}
    with _demo(folder, plan, clock) as plant:
        _turn(plant, plan.settle_s, clock)
        if "memory" in wanted:
            groups["memory"], taken["memory"] = _memory(plant, clock)
        if "line" in wanted:
            with _burners() as count:
                _turn(plant, plan.burn_s, clock)
                groups["line"], taken["line"] = _line(plant)
            taken["line"] |= {"burners": count, "seconds": plan.burn_s, "parts_per_min": RATE_PER_MIN}
        taken["restarts"] = plant.supervisor.restarts
        if plant.supervisor.children["line"].restarts:
            raise ServiceError("the line ended while it was measured", hint="see the messages above")
    return Busy(groups=groups, taken=taken)


def free_port() -> int:
    """Nobody listens there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _demo(folder: Path, plan: BusyPlan, clock: Clock) -> Iterator[Plant]:
    station = make_demo_station(
        folder, product=PRODUCT, rate_per_min=RATE_PER_MIN, port=free_port(), name=f"bench-{folder.name}-{os.getpid()}",
        models=plan.models,
    )  # fmt: skip
    feed = Feed(product=PRODUCT, seed=1, rate_per_min=RATE_PER_MIN)
    plant = Plant(station.file, feed, clock, Stop(), headless=False)
    try:
        plant.start()
        plant.begin(station.recipe.name, station.recipe.version, "bench")
        yield plant
    finally:
        plant.close()


def _turn(plant: Plant, seconds: float, clock: Clock) -> None:
    until_ns = clock.now_ns() + round(seconds * SECOND)
    while clock.now_ns() < until_ns:
        plant.turn()


def _memory(plant: Plant, clock: Clock) -> tuple[dict[str, float], dict[str, Any]]:
    """The largest of a few looks. The virtual line and this process are no part of it."""
    looks: list[dict[str, Footprint]] = []
    for _ in range(_LOOKS):
        _turn(plant, 0.5, clock)
        looks.append({name: footprint(_pid(plant, name)) for name in plant.supervisor.children})
    totals = [sum(one.own_mb for one in look.values()) for look in looks]
    look = looks[totals.index(max(totals))]
    figures = {"total_mb": round(max(totals), 1)}
    for name, one in look.items():
        figures[f"{name.partition('-')[0]}_mb"] = round(one.own_mb, 1)
    return figures, {"rings_mb": round(sum(one.ring_mb for one in look.values()), 1)}


def _pid(plant: Plant, name: str) -> int:
    pid = plant.supervisor.pid(name)
    if pid is None:
        raise ServiceError(f"{name} of the demo is not running", hint="see the messages above")
    return pid


def _line(plant: Plant) -> tuple[dict[str, float], dict[str, Any]]:
    count = plant.counters.total

    def ms(name: str) -> float:
        return round(count("line", name) / 1000, 3)

    figures = {"commit_p99_ms": ms("commit_p99_us"), "gate_jitter_p999_ms": ms("gate_jitter_p999_us")}
    taken = {
        "commits": count("line", "commits"), "gate_wakes": count("line", "gate_wakes"),
        "gate_jitter_max_ms": ms("gate_jitter_max_us"), "gate_gaps": count("line", "gate_gaps"),
        "gate_realtime": bool(count("line", "gate_realtime")), "load": [round(one, 2) for one in os.getloadavg()],
    }  # fmt: skip
    return figures, taken


@contextlib.contextmanager
def _burners() -> Iterator[int]:
    """One process for each core that does nothing but count; how many."""
    context = multiprocessing.get_context("spawn")
    ends, running = [], []
    try:
        for _ in os.sched_getaffinity(0):
            ours, theirs = context.Pipe()
            process = context.Process(target=_burn, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            ends.append(ours)
            running.append(process)
        yield len(running)
    finally:
        for end in ends:
            end.close()
        for process in running:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()


def _burn(pipe: Connection, clock: Callable[[], float] = time.monotonic) -> None:
    """Until the other end is closed: a poll is ready then."""
    while not pipe.poll(0):
        until = clock() + 0.05
        while clock() < until:
            pass
