"""A demo that a test steers: real services, the virtual line, and the accounts compared at the end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.apps.demo.demo import account, frames_of, watch
from edge.apps.demo.plant import Feed, Plant
from edge.apps.demo.station import make_demo_station
from edge.apps.demo.summary import Summary
from edge.bus import topics, wire
from edge.bus.sockets import Bus, Receiver
from edge.clock import SECOND, SystemClock
from edge.service import Stop


class Trial:
    """`turn` often; what `line` and the services say is kept: `state`, `recorded`, `statuses`."""

    def __init__(self, plant: Plant, line: Receiver, statuses: Receiver) -> None:
        self.plant, self._line, self._statuses = plant, line, statuses
        self.clock, self.stop = SystemClock(), Stop()
        self.state: wire.LineState | None = None
        self.permit_reasons: set[str] = set()  # all that were ever named
        self.recorded: list[wire.Recorded] = []
        self.statuses: dict[str, wire.Status] = {}
        self.alarms: set[str] = set()

    def turn(self) -> None:
        self.plant.turn()
        for message in self._line.drain():
            if isinstance(message, wire.LineState):
                self.state = message
                self.permit_reasons |= set(message.permit_reasons)
            elif isinstance(message, wire.Recorded):
                self.recorded.append(message)
        for message in self._statuses.drain():
            if isinstance(message, wire.Status):
                self.statuses[message.service] = message
                self.alarms |= {alarm.code for alarm in message.alarms}

    def until(self, true: Callable[[], bool], within_s: float, what: str) -> None:
        deadline_ns = self.clock.now_ns() + round(within_s * SECOND)
        while not true():
            assert self.clock.now_ns() < deadline_ns, f"{what} did not come within {within_s:g} s; {self.state}"
            self.turn()

    def run_for(self, seconds: float) -> None:
        until_ns = self.clock.now_ns() + round(seconds * SECOND)
        while self.clock.now_ns() < until_ns:
            self.turn()

    def parts(self, more: int, within_s: float = 30.0) -> None:
        """Until so many more parts are on record."""
        wanted = len(self.recorded) + more
        self.until(lambda: len(self.recorded) >= wanted, within_s, f"{more} parts")

    def fault(self, name: str, value: float) -> None:
        self.plant.machine("fault", name, value)

    def permit(self) -> bool:
        return self.state is not None and self.state.permit

    def finish(self) -> Summary:
        """No more parts; the accounts."""
        self.plant.machine("finish")
        assert watch(self.plant, 30.0, self.clock, self.stop)
        frames, restarts = frames_of(self.plant), self.plant.supervisor.restarts
        self.plant.close()
        return account(self.plant, frames, restarts)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *, product: str = "biscuit", rate_per_min: float = 300.0, seed: int = 5,
            settings: tuple[tuple[str, str], ...] = (), models: Path | None = None) -> Iterator[Trial]:  # fmt: skip
    """A line in RUN without the panel. settings: (old, new) pieces of the station file."""
    station = make_demo_station(folder, product=product, rate_per_min=rate_per_min, port=free_port(), models=models)
    text = station.file.read_text(encoding="utf-8")
    for old, new in settings:
        assert old in text, old
        text = text.replace(old, new)
    station.file.write_text(text, encoding="utf-8")
    feed = Feed(product=product, seed=seed, rate_per_min=rate_per_min)
    plant = Plant(station.file, feed, SystemClock(), Stop(), headless=True)
    try:
        plant.start()
        with Bus(plant.station.run_dir) as bus:
            names = ("line", "inference", "recorder", *(f"capture-{c.name}" for c in plant.station.camera))
            trial = Trial(plant, bus.subscriber(topics.LINE), bus.subscriber(topics.STATUS, *names))
            plant.begin(station.recipe.name, station.recipe.version, "trial")
            trial.until(trial.permit, 20.0, "the permit")
            yield trial
    finally:
        plant.close()
