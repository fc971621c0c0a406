"""Kills and freezes every process of a running demo at random moments, then asks the oracle.

`python -m edge.apps.demo.faults --per-process 1000`: in rounds, each one a demo of its own; resumable from its
state file; the seed is printed and decides which process is struck when and how. After every strike the line must
be back: the process ready, the permit on, and a part that was triggered after the strike judged OK.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge import log
from edge.apps.demo import strikes
from edge.apps.demo.demo import account, frames_of, watch
from edge.apps.demo.plant import Feed, Plant
from edge.apps.demo.scene.spec import PRODUCTS
from edge.apps.demo.station import make_demo_station
from edge.apps.demo.strikes import Progress, Strike
from edge.bus import topics, wire
from edge.bus.sockets import Bus
from edge.clock import MS, SECOND, Clock, SystemClock
from edge.domain.verdict import Verdict
from edge.errors import EXIT_NO, EXIT_OK, EdgeError, ServiceError
from edge.service import Stop

_log = log.get(__name__)

_CYCLES = 8  # strikes of each process in a round: about two minutes
_RATE = 300.0
_BACK_WITHIN_S = 20.0
_RESTED_S = 10.5  # a process struck earlier again would meet the supervisor's back-off, which is not what is measured
_FINISH_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOptions:
    """One round: `cycles` strikes of each process of a demo with this product and these seeds."""

    product: str
    cycles: int
    seed: int
    number: int
    rate_per_min: float = _RATE
    headless: bool = False
    models: Path | None = None


class Watcher:
    """What `line` says: is the permit on, and when was the last part triggered that it has recorded as OK."""

    def __init__(self, bus: Bus) -> None:
        self._line = bus.subscriber(topics.LINE)
        self.permit = False
        self.ok_trigger_ns = 0

    def listen(self) -> None:
        for message in self._line.drain():
            if isinstance(message, wire.LineState):
                self.permit = message.permit
            elif isinstance(message, wire.Recorded) and message.verdict is Verdict.OK:
                self.ok_trigger_ns = max(self.ok_trigger_ns, message.trigger_ns)


class Round:
    """A demo that is struck. `run` gives back the strikes with their recoveries; the accounts come after it."""

    def __init__(
        self, plant: Plant, watcher: Watcher, clock: Clock, stop: Stop, *, rested_s: float = _RESTED_S
    ) -> None:  # fmt: skip
        self._plant, self._watcher, self._clock, self._stop = plant, watcher, clock, stop
        self._rested_s = rested_s

    @property
    def processes(self) -> tuple[str, ...]:
        return tuple(self._plant.supervisor.children)

    def run(self, plan: Sequence[Strike], progress: Progress) -> None:
        """Until the plan is done or a signal comes. ServiceError when the line does not come back."""
        self._wait_back(0, "", None)
        for strike in plan:
            self._turn_for(strike.wait_s)
            self._let_rest(strike.process)
            if self._stop.requested:
                return
            progress.add(strike, self._strike(strike))

    def _strike(self, strike: Strike) -> float:
        """Strike and wait; how long it took until all was well again, ms."""
        pid = self._plant.supervisor.pid(strike.process)
        if pid is None:
            raise ServiceError(f"{strike.process} is not running", hint="see the messages above")
        struck_ns = self._clock.now_ns()
        os.kill(pid, signal.SIGSTOP if strike.freeze_s else signal.SIGKILL)
        if strike.freeze_s:
            self._turn_for(strike.freeze_s)
            if self._plant.supervisor.pid(strike.process) == pid:  # else the watchdog has killed it
                os.kill(pid, signal.SIGCONT)
        self._wait_back(struck_ns, strike.process, None if strike.freeze_s else pid)
        took_ms = (self._clock.now_ns() - struck_ns) / MS
        _log.info("%s %s: back after %.0f ms", strike.kind, strike.process, took_ms)
        return took_ms

    def _wait_back(self, struck_ns: int, process: str, old_pid: int | None) -> None:
        deadline_ns = self._clock.now_ns() + round(_BACK_WITHIN_S * SECOND)
        while not self._is_back(struck_ns, process, old_pid):
            if self._clock.now_ns() > deadline_ns:
                raise ServiceError(f"the line did not come back after {process or 'its start'}", hint="see above")
            self._turn()

    def _is_back(self, struck_ns: int, process: str, old_pid: int | None) -> bool:
        supervisor = self._plant.supervisor
        renewed = old_pid is None or supervisor.pid(process) not in (None, old_pid)
        judged = self._watcher.ok_trigger_ns > struck_ns
        return renewed and supervisor.all_ready and self._watcher.permit and judged

    def _let_rest(self, process: str) -> None:
        while not self._stop.requested:
            lived_ns = self._clock.now_ns() - self._plant.supervisor.children[process].started_ns
            if lived_ns > round(self._rested_s * SECOND):
                return
            self._turn()

    def _turn_for(self, seconds: float) -> None:
        until_ns = self._clock.now_ns() + round(seconds * SECOND)
        while self._clock.now_ns() < until_ns and not self._stop.requested:
            self._turn()

    def _turn(self) -> None:
        self._plant.turn()
        self._watcher.listen()


def run_round(options: RoundOptions, folder: Path, progress: Progress, stop: Stop) -> None:
    """One round in `folder`; what was wrong is added to `progress.failures`."""
    clock = SystemClock()
    station = make_demo_station(
        folder, product=options.product, rate_per_min=options.rate_per_min, port=free_port(), models=options.models
    )
    feed = Feed(product=options.product, seed=options.seed + options.number, rate_per_min=options.rate_per_min)
    plant = Plant(station.file, feed, clock, stop, headless=options.headless)
    rng = np.random.default_rng([options.seed, options.number])
    complete, problem = False, ""
    try:
        plant.start()
        plant.begin(station.recipe.name, station.recipe.version, f"faults-{options.number}")
        with Bus(plant.station.run_dir) as bus:
            battle = Round(plant, Watcher(bus), clock, stop)
            battle.run(list(strikes.plan(battle.processes, options.cycles, rng)), progress)
        plant.machine("finish")
        complete = watch(plant, _FINISH_S, clock, stop)
    except EdgeError as error:
        problem = f"round {options.number}: {error}"
    finally:
        frames = frames_of(plant) if complete else {}
        plant.close()
    if problem:
        progress.failures.append(problem)
    if complete:
        summary = account(plant, frames, plant.supervisor.restarts)
        progress.parts += summary.parts
        if not summary.passed:
            progress.failures += [f"round {options.number}: {words}" for words in summary.findings]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(argv: Sequence[str], stop: Stop) -> int:
    given = _parse(argv)
    progress = strikes.load(given.state, given.seed)
    _say(f"seed {given.seed}, {given.per_process} strikes of each process, state in {given.state}")
    while not stop.requested and not progress.failures and _left(progress, given.per_process):
        options = RoundOptions(
            product=PRODUCTS[progress.rounds % len(PRODUCTS)],
            cycles=min(_CYCLES, _left(progress, given.per_process)),
            seed=given.seed,
            number=progress.rounds,
        )
        with tempfile.TemporaryDirectory(prefix="edge-faults-") as folder:
            run_round(options, Path(folder), progress, stop)
        if stop.requested and not progress.failures:
            break  # this round was cut short: the next run repeats it
        progress.rounds += 1
        strikes.save(given.state, progress)
        _say(f"round {progress.rounds}: {_words(progress)}")
    for failure in progress.failures:
        _say(f"FAIL {failure}")
    return EXIT_OK if progress.passed else EXIT_NO


def _left(progress: Progress, per_process: int) -> int:
    """How many cycles are still to do."""
    done = min((progress.count(process) for process in progress.struck), default=0)
    return max(0, per_process - done)


def _words(progress: Progress) -> str:
    struck = "  ".join(f"{name} {progress.count(name)}" for name in sorted(progress.struck))
    return f"{struck}  parts {progress.parts}  recovery p99 {progress.p99_ms:.0f} ms"


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description="Kill and freeze every process, then compare accounts.")
    parser.add_argument("--per-process", type=int, default=1000, help="strikes of each process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=Path("data/faults.json"), help="where it goes on after a break")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    log.setup("faults", "INFO")
    stop = Stop()
    stop.install()
    try:
        return run(argv, stop)
    except EdgeError as error:
        _say(f"faults: {error}")
        return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
