"""The demo's processes: the virtual line and, under `edge run`'s supervisor, every service of its station.

The virtual line is started first and ended last, and never started again: its truth must have no gap.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge import log
from edge.apps.demo.virtual_line import TRUTH_NAME, LineReport
from edge.apps.run import Supervisor, Unit, units_of
from edge.bus import topics, wire
from edge.bus.sockets import Bus, Client
from edge.clock import SECOND, Clock
from edge.domain.part import Mode
from edge.errors import EdgeError, Refused, ServiceError
from edge.service import Stop
from edge.settings import station as stations

_log = log.get(__name__)

_MACHINE_WITHIN_S = 30.0
_READY_WITHIN_S = 60.0
_ACTIVE_WITHIN_S = 30.0
_ASK_MS = 300
BY = "demo"


class Interrupted(EdgeError):
    """A signal came before the demo was on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What the virtual line is to do; `parts` 0 has no end."""

    product: str
    seed: int
    rate_per_min: float
    travel_ms: float = 800.0
    parts: int = 0


class Counters:
    """The newest counters of every instance of every service, so that a restart loses no count."""

    def __init__(self, bus: Bus, services: tuple[str, ...]) -> None:
        self._status = bus.subscriber(topics.STATUS, *services)
        self._latest: dict[tuple[str, int], dict[str, float]] = {}

    def listen(self) -> None:
        for message in self._status.drain():
            if isinstance(message, wire.Status):
                self._latest[message.service, message.started_ns] = message.counters

    def total(self, prefix: str, name: str) -> int:
        """Over all instances of the services whose name begins with `prefix`."""
        found = (counters for (service, _), counters in self._latest.items() if service.startswith(prefix))
        return int(sum(counters.get(name, 0.0) for counters in found))


class Plant:
    """Build it (nothing runs yet), `start`, then `turn` often; `close` ends every process and waits."""

    def __init__(
        self,
        station_file: Path,
        feed: Feed,
        clock: Clock,
        stop: Stop,
        *,
        headless: bool,
        units: tuple[Unit, ...] | None = None,
    ) -> None:
        self.station = stations.load(station_file)
        self._file, self._feed, self._clock, self._stop = station_file, feed, clock, stop
        services = units_of(self.station, station_file) if units is None else units
        self._units = tuple(unit for unit in services if not (headless and unit.name == "panel"))
        self._machine: subprocess.Popen[bytes] | None = None
        self._open = contextlib.ExitStack()
        self._supervisor: Supervisor | None = None

    @property
    def truth_path(self) -> Path:
        return self.station.data_dir / TRUTH_NAME

    @property
    def ledger_path(self) -> Path:
        return self.station.data_dir / "ledger.db"

    @property
    def supervisor(self) -> Supervisor:
        assert self._supervisor is not None, "start comes first"
        return self._supervisor

    def start(self) -> None:
        """All processes up and ready. ServiceError when one does not come."""
        self._machine = self._start_machine()
        bus = self._open.enter_context(Bus(self.station.run_dir))
        self._control = bus.client(topics.SIM_CONTROL)
        self._commands = bus.client(topics.COMMANDS)
        self._until(self._machine_answers, _MACHINE_WITHIN_S, "the virtual line does not come up")
        self.counters = Counters(bus, ("line", "inference", "recorder", *self._captures()))
        self._supervisor = Supervisor(self.station.run_dir, self._units, self._clock)
        self._until(lambda: self.supervisor.all_ready, _READY_WITHIN_S, "not every service is ready")

    def begin(self, recipe: str, version: int, lot: str) -> None:
        """Recipe, lot, RUN: from here the permit comes on, and with it the first part. Refused says why not."""
        self.order(wire.SetLot(lot=lot, by=BY))
        self.order(wire.ActivateRecipe(name=recipe, version=version, by=BY))
        self._until(lambda: self._is_active(recipe, version), _ACTIVE_WITHIN_S, f"{recipe}@{version} is not active")
        self.order(wire.SetMode(mode=Mode.RUN, by=BY))

    def turn(self) -> None:
        """One round of the supervisor, 50 ms at most. ServiceError when the virtual line has died."""
        if self._machine is not None and self._machine.poll() is not None:
            raise ServiceError(
                f"the virtual line ended by itself (code {self._machine.returncode})", hint="see its messages above"
            )
        if self._supervisor is not None:
            self._supervisor.turn()
            self.counters.listen()
        else:
            self._clock.sleep(0.05)

    def report(self) -> LineReport | None:
        """What the virtual line says of itself; None while it does not answer."""
        try:
            reply = self._control.ask(wire.SimCommand(action="state"), _ASK_MS)
        except ServiceError:
            return None
        assert isinstance(reply, wire.Reply)
        return msgspec.json.decode(reply.message, type=LineReport)

    def machine(self, action: str, argument: str = "", value: float = 0.0) -> None:
        """Tell the virtual line. Refused when it does not do it."""
        _accept(self._control.ask(wire.SimCommand(action=action, argument=argument, value=value)))

    def state(self) -> wire.LineState | None:
        """What `line` says of itself; None while it does not answer."""
        return _ask_state(self._commands)

    def close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.close()
        self._open.close()
        if self._machine is not None and self._machine.poll() is None:
            self._machine.terminate()
            try:
                self._machine.wait(3.0)
            except subprocess.TimeoutExpired:
                self._machine.kill()
                self._machine.wait()

    def _captures(self) -> tuple[str, ...]:
        return tuple(f"capture-{camera.name}" for camera in self.station.camera)

    def _start_machine(self) -> subprocess.Popen[bytes]:
        feed = self._feed
        words = ["--station", str(self._file), "--product", feed.product, "--seed", str(feed.seed)]
        words += ["--rate", str(feed.rate_per_min), "--travel-ms", str(feed.travel_ms), "--parts", str(feed.parts)]
        command = [sys.executable, "-m", "edge.apps.demo.virtual_line", *words]
        # A group of its own: Ctrl-C is for us; we end it last.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=_environment())

    def _machine_answers(self) -> bool:
        return self.report() is not None

    def _is_active(self, recipe: str, version: int) -> bool:
        state = self.state()
        return state is not None and state.active is not None and str(state.active) == f"{recipe}@{version}"

    def order(self, request: wire.Message) -> None:
        """Ask until `line` answers: right after a start it may be busy with its ledger. Refused when it does not do it,
        ServiceError when it does not answer for 5 s."""
        deadline_ns = self._clock.now_ns() + 5 * SECOND
        while True:
            try:
                return _accept(self._commands.ask(request, 1000))
            except ServiceError:
                if self._clock.now_ns() > deadline_ns:
                    raise
                self.turn()

    def _until(self, true: Callable[[], bool], within_s: float, complaint: str) -> None:
        deadline_ns = self._clock.now_ns() + int(within_s * SECOND)
        while not true():
            if self._stop.requested:
                raise Interrupted("stopped before it had begun")
            if self._clock.now_ns() > deadline_ns:
                raise ServiceError(f"{complaint} ({self._words()})", hint="see the messages above")
            self.turn()

    def _words(self) -> str:
        """What is missing, in the services' own words."""
        if self._supervisor is None:
            return "it says nothing"
        waiting = [child for child in self._supervisor.children.values() if not child.ready]
        return "; ".join(f"{child.unit.name}: {child.words or 'starting'}" for child in waiting) or "all are ready"


def _ask_state(client: Client) -> wire.LineState | None:
    try:
        reply = client.ask(wire.AskState(), _ASK_MS)
    except ServiceError:
        return None
    return reply if isinstance(reply, wire.LineState) else None


def _accept(reply: wire.Message) -> None:
    if isinstance(reply, wire.Reply) and not reply.ok:
        raise Refused(reply.message, hint=reply.hint)


def _environment() -> dict[str, str]:
    """Without our own starter's socket: the virtual line is not a service of it."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
