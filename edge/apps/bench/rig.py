"""A whole station for the bench in a folder of its own: the real services, driven from this process.

Line, capture, inference, recorder and, if wanted, the panel are started as `edge run` starts them. Each part goes the
whole way: sensor edge, picture in the camera's ring, inference, line's commit, Recorded.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.apps.bench.machine import Machine
from edge.apps.bench.trial import APART_NS, CAMERA, HEIGHT, TRAVEL_MS, WIDTH, Trial
from edge.apps.run import Supervisor, units_of
from edge.bus import topics, wire
from edge.bus.ring import Pixels
from edge.bus.sockets import Bus
from edge.clock import MS, SECOND, Clock
from edge.domain.part import Mode
from edge.domain.result import Timings
from edge.domain.verdict import Verdict
from edge.errors import Refused, ServiceError
from edge.inference.session import SessionOptions
from edge.service import private_directory
from edge.settings import station as stations
from edge.store.packages import import_package
from edge.store.station import StationStore

IN_FLIGHT = 6
_BY = "bench"
_UP_WITHIN_S = 60.0
_LOST_AFTER_NS = 3 * SECOND
_WATCHDOG_S = 15.0  # at saturation the recorder, which gives way to all, may stand still for longer than in production
_WAIT_MS = 5
_MIND_NS = 50 * MS


@dataclass(slots=True, kw_only=True)
class Ran:
    """recorded_ns: when each judged part's Recorded was here. timings: what inference says of it.

    unjudged: why others were not judged, with their number; they count for nothing.
    """

    recorded_ns: list[int] = field(default_factory=list)
    timings: list[Timings] = field(default_factory=list)
    unjudged: Counter[str] = field(default_factory=Counter)

    @property
    def per_s(self) -> float:
        """Parts a second between the first and the last."""
        if len(self.recorded_ns) < 2:
            raise ServiceError("the bench's chain judged no parts", hint="see the messages above")
        return (len(self.recorded_ns) - 1) * SECOND / (self.recorded_ns[-1] - self.recorded_ns[0])


def make_station(
    folder: Path, trials: Sequence[Trial], options: SessionOptions, clock: Clock, port: int, workers: int = 0
) -> Path:
    """The station file, with models and recipes in place. workers: 0 is the default of the device."""
    file = private_directory(folder) / "station.toml"
    file.write_text(_toml(folder, options, port, workers), encoding="utf-8")
    station = stations.load(file)
    private_directory(station.data_dir)
    store = StationStore(station.data_dir / "station.db", clock=clock)
    try:
        for trial in trials:
            import_package(trial.package.folder, station.models_dir)
            store.add_recipe(trial.recipe)
    finally:
        store.close()
    return file


class Rig:
    """Starts everything when built; `close` ends it and waits. ServiceError when something does not come or is lost."""

    def __init__(self, file: Path, frames: Sequence[Pixels], clock: Clock, *, panel: bool = False) -> None:
        self.station = stations.load(file)
        self._clock = clock
        self._mind_ns = 0
        self._part_ns = self._awaited = 0
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as building:
            bus = building.enter_context(Bus(private_directory(self.station.run_dir)))
            self._machine = Machine(bus, self.station, frames, clock)
            building.callback(self._machine.close)
            self._said = bus.subscriber(topics.LINE)
            self._commands = bus.client(topics.COMMANDS)
            self.started_ns = clock.now_ns()
            units = [unit for unit in units_of(self.station, file) if panel or unit.name != "panel"]
            patient = [replace(unit, watchdog_s=_WATCHDOG_S) for unit in units]
            self.supervisor = Supervisor(self.station.run_dir, patient, clock)
            building.callback(self.supervisor.close)
            self._until(lambda: self.supervisor.all_ready, "not every service is ready")
            self._undo = building.pop_all()

    def close(self) -> None:
        self._undo.close()

    def run(self, recipe: str) -> None:
        """This recipe active, RUN, and the permit on."""
        self._order(wire.SetLot(lot=_BY, by=_BY))
        self._order(wire.ActivateRecipe(name=recipe, version=1, by=_BY))
        self._until(lambda: self._active() == f"{recipe}@1", f"recipe {recipe} does not become active")
        self._order(wire.SetMode(mode=Mode.RUN, by=_BY))
        self._until(self._permitted, "the permit does not come on")

    def saturate(self, seconds: float, warm_up_s: float = 0.5) -> Ran:
        """As many parts as it takes: always IN_FLIGHT under way. What was recorded in `seconds` after the warm-up."""
        begun_ns = self._clock.now_ns()
        from_ns = begun_ns + round(warm_up_s * SECOND)
        until_ns = from_ns + round(seconds * SECOND)
        ran = Ran()
        while (now_ns := self._clock.now_ns()) < until_ns:
            if self._awaited < IN_FLIGHT and now_ns - self._part_ns >= APART_NS:
                self._part()
            self._take(ran if now_ns >= from_ns else Ran(), 1 if self._awaited < IN_FLIGHT else _WAIT_MS)
        self._drain(ran, counts=False)
        return ran

    def paced(self, count: int, period_ns: int) -> Ran:
        """`count` parts, one each period."""
        ran, due_ns = Ran(), self._clock.now_ns()
        for _ in range(count):
            due_ns += period_ns
            while (left_ns := due_ns - self._clock.now_ns()) > 0:
                self._take(ran, min(_WAIT_MS, left_ns // MS))
            self._part()
        self._drain(ran)
        return ran

    def first(self) -> None:
        """One part until it is judged; again when it came before the line accepted any."""
        ran = Ran()
        while not ran.recorded_ns:
            since_ns = self._clock.now_ns()
            self._part()
            while self._awaited and self._clock.now_ns() - since_ns < SECOND:
                self._take(ran, _WAIT_MS)
            self._awaited = 0

    def mind(self) -> None:
        """The belt's levels, and the services' watchdogs."""
        self._machine.turn()
        now_ns = self._clock.now_ns()
        if now_ns >= self._mind_ns:
            self._mind_ns = now_ns + _MIND_NS
            self.supervisor.turn(0.0)
            if self.supervisor.restarts:
                names = [name for name, child in self.supervisor.children.items() if child.restarts]
                raise ServiceError(f"{', '.join(names)} ended while it was measured", hint="see the messages above")

    def _part(self) -> None:
        self._part_ns = self._machine.part()
        self._awaited += 1

    def _drain(self, ran: Ran, *, counts: bool = True) -> None:
        """Wait for what is under way. What came while the line did not hear its inputs (this process stood still for
        half a second) is in an outage of the ledger and has no record of its own: it is said and not waited for."""
        since_ns = self._clock.now_ns()
        while self._awaited:
            self._take(ran if counts else Ran(), _WAIT_MS)
            if self._clock.now_ns() - since_ns > _LOST_AFTER_NS:
                ran.unjudged["outage"] += self._awaited
                self._awaited = 0

    def _take(self, ran: Ran, wait_ms: int) -> None:
        self.mind()
        message = self._said.receive(max(0, wait_ms))
        while message is not None:
            if isinstance(message, wire.Recorded):
                self._recorded(message, ran)
            message = self._said.receive()

    def _recorded(self, message: wire.Recorded, ran: Ran) -> None:
        self._awaited = max(0, self._awaited - 1)
        timings = message.results[0].timings if message.results else None
        if message.verdict is Verdict.NOT_INSPECTED or timings is None:
            ran.unjudged[message.reasons[0].code.value if message.reasons else "no reason"] += 1
            return
        ran.recorded_ns.append(self._clock.now_ns())
        ran.timings.append(timings)

    def _order(self, request: wire.Message) -> None:
        self.mind()
        reply = self._commands.ask(request, 5000)
        if isinstance(reply, wire.Reply) and not reply.ok:
            raise Refused(reply.message, hint=reply.hint)

    def _state(self) -> wire.LineState | None:
        reply = self._commands.ask(wire.AskState(), 5000)
        return reply if isinstance(reply, wire.LineState) else None

    def _active(self) -> str:
        state = self._state()
        return "" if state is None else str(state.active)

    def _permitted(self) -> bool:
        state = self._state()
        return state is not None and state.permit

    def _until(self, true: Callable[[], bool], complaint: str) -> None:
        until_ns = self._clock.now_ns() + round(_UP_WITHIN_S * SECOND)
        while not true():
            self._turn()
            if self._clock.now_ns() > until_ns:
                raise ServiceError(f"the bench's station: {complaint}", hint="see the messages above")

    def _turn(self) -> None:
        self._machine.turn()
        self.supervisor.turn(0.01)


def _toml(folder: Path, options: SessionOptions, port: int, workers: int) -> str:
    return f"""# Written by edge bench.
name = "bench-{folder.name}-{os.getpid()}"
data_dir = "data"
run_dir = "{folder / "run"}"
log_level = "WARNING"

[line]
port = "simulated"
trigger = "sensor"
max_travel_ms = {TRAVEL_MS + 200}
min_gap_ms = 0
confirm_input = false
ledger_reserve_mb = 8

[[camera]]
name = "{CAMERA}"
kind = "virtual"
width = {WIDTH}
height = {HEIGHT}
rate_fps = 100
slots = 32
triggered = true

[inference]
threads = {options.threads}
spinning = {str(options.spinning).lower()}
workers = {workers}

[recorder]
budget_mb = 500

[panel]
port = {port}
language = "en"
"""
