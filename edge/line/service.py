"""`edge line`: the smallest process, and the one that decides. Triggers, parts, gate, permit, modes; the ledger.

Threads: this one (inputs, bus, deciding, the watchdog), the gate's (outputs and their times, touches no disk and no
bus), the committer's (the ledger). See `gate_thread` and `committer` for their queues.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import ExitStack

from edge.bus import topics, wire
from edge.bus.iopage import Output
from edge.bus.sockets import Bus, Poller
from edge.clock import MS, SECOND, Clock, SystemClock
from edge.domain.part import Mode
from edge.domain.verdict import ReasonCode
from edge.errors import EdgeError, ServiceError
from edge.line import opening, permit, realtime, reporting
from edge.line.alarms import Alarms
from edge.line.belt import make_belt
from edge.line.committer import EpochStart
from edge.line.crossings import CrossingWatch
from edge.line.flow import Flow
from edge.line.gate import Done, Trouble
from edge.line.gate_thread import Answer, Gap, Progress, Report, SetOutput
from edge.line.incidents import Incidents
from edge.line.inputs import START, InputWatch
from edge.line.journal import Journal
from edge.line.modes import Modes
from edge.line.orders import Orders
from edge.line.outages import Outages
from edge.line.permit import Conditions, Health
from edge.line.ports import Port
from edge.line.recipes import Recipes
from edge.line.simulated import SimulatedPort
from edge.line.triggers import Triggers
from edge.service import FileLock, Notifier, Stop, private_directory
from edge.settings.station import Station

_POLL_MS = 20
_STATUS_NS = SECOND // 2
_STATE_NS = SECOND
_LOOK_NS = 10 * MS  # between two looks at whether permit and state have changed
_COUNTS_NS = 100 * MS  # when nothing but counts has changed
_GIL_SWITCH_S = 0.0005  # the gate's thread must not wait 5 ms for this one
_LEAVE_S = 0.15  # a part is under the gate for no longer; shorter than the chain may stand still
_ASKED_AT_ONCE = 16  # one who asks without end must not keep the parts waiting
_UNREADABLE = "recipe_unreadable"


def main(station: Station, stop: Stop, notifier: Notifier) -> None:
    """Until `stop`. AlreadyRunning, StoreError, StoreFull or ServiceError when it cannot go on."""
    private_directory(station.run_dir)
    lock = FileLock(station.run_dir / "line.lock")
    lock.acquire("edge line")
    sys.setswitchinterval(_GIL_SWITCH_S)
    realtime.settle()
    try:
        with LineService(station, SystemClock()) as service:
            gc.freeze()  # what is here stays: the collector need not look at it while the gate waits
            notifier.ready()
            while not stop.requested:
                service.turn()
                notifier.alive()
    finally:
        lock.release()


class LineService:
    """Everything of the process. `turn` is one round, 20 ms when nothing happens; leaving it stops in order: the gate
    rests on reject, what is open is closed, the ledger is closed. That takes 3 s at most."""

    def __init__(self, station: Station, clock: Clock) -> None:
        self._station, self._clock = station, clock
        self._started_ns = clock.now_ns()
        self._status_ns = self._state_ns = self._look_ns = 0
        self._said: wire.LineState | None = None
        self._permit = self._lamp = False
        self._undo = ExitStack()
        try:
            self._build(station, clock)
        except EdgeError:
            self._undo.close()
            raise

    def __enter__(self) -> LineService:
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def turn(self) -> None:
        self._progress.main_ns = self._clock.now_ns()
        self._poller.wait(_POLL_MS)
        self._clear_wake()
        self._progress.main_ns = self._clock.now_ns()
        self._take_inputs()
        if self._poller.has(self._reports):
            self._take_reports()
        if self._poller.has(self._statuses):
            self._take_statuses()
        self._crossings.turn(self._clock.now_ns())
        self._orders.turn()
        self._flow.turn()
        self._take_done()
        if self._poller.has(self._asked):
            self._take_orders()
        self._journal.alive(self._inputs.accepted_until_ns, self._clock.now_ns())
        self._orders.apply(self._modes.tick(self._clock.now_ns(), has_recipe=self._recipes.active is not None))
        self._report()
        self._check_threads()

    # --- building and ending ----------------------------------------------------------------------------------

    def _build(self, station: Station, clock: Clock) -> None:
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._undo.callback(os.close, self._wake_fd)
        bus = self._undo.enter_context(Bus(station.run_dir))
        self._open_sockets(bus, station)
        self._progress = Progress(main_ns=clock.now_ns())
        self._committer = opening.committer(station, self._progress, clock, self._wake_fd)
        self._undo.callback(self._committer.close)
        started = self._committer.start()
        self._epoch = started.epoch
        self._port: Port = SimulatedPort(bus, station.run_dir, clock)
        self._undo.callback(self._port.close)
        self._port.register(self._poller)
        self._belt = make_belt(station.line, clock.now_ns())
        self._gate = opening.gate(station.line, self._port, self._progress, clock, self._wake_fd)
        self._committer.connect(self._gate.tell)
        self._make_parts(station, clock, started)
        self._undo.callback(self._end)
        self._progress.main_ns = clock.now_ns()  # opening the ledger may have taken long
        self._gate.start()

    def _open_sockets(self, bus: Bus, station: Station) -> None:
        self._line = bus.publisher(topics.LINE)
        self._status = bus.publisher(topics.STATUS, "line")
        self._reports = bus.puller(topics.REPORTS)
        self._asked = bus.server(topics.COMMANDS)
        services = ("inference", *(f"capture-{camera.name}" for camera in station.camera))
        self._statuses = bus.subscriber(topics.STATUS, *services)
        self._poller = Poller(self._reports, self._asked, self._statuses)
        self._poller.add_fd(self._wake_fd)

    def _make_parts(self, station: Station, clock: Clock, started: EpochStart) -> None:
        self._alarms, self._tally, self._health = Alarms(), reporting.Tally(), Health()
        self._outages = Outages(started.epoch)
        from_ns = self._started_ns if started.outage_from_ns is None else started.outage_from_ns
        self._outages.begin(START, from_ns)
        self._modes = Modes(started.memory)
        self._recipes = Recipes(station, started.memory.recipe_ready if started.memory is not None else "")
        if self._recipes.active is not None:
            self._tally.follow(self._recipes.active.rules)
        self._triggers = Triggers(station.line)
        self._journal = Journal(
            committer=self._committer, epoch=started.epoch, modes=self._modes, recipes=self._recipes,
            outages=self._outages, clock=clock, crossings=station.line.trigger == "barrier",
        )  # fmt: skip
        self._crossings = CrossingWatch(
            self._station.counting_cameras, self._health, self._gate, self._journal, self._outages, from_ns
        )
        self._inputs = InputWatch(self._port, self._belt, self._gate, self._journal, self._outages, clock)
        self._flow = Flow(
            station=station, epoch=started.epoch, belt=self._belt, gate=self._gate, committer=self._committer,
            journal=self._journal, outages=self._outages, modes=self._modes, recipes=self._recipes,
            triggers=self._triggers, clock=clock, say=self._line.send,
            decided=lambda trigger, record: self._incidents.decided(trigger, record),
        )  # fmt: skip
        self._orders = Orders(
            modes=self._modes, recipes=self._recipes, triggers=self._triggers, flow=self._flow, journal=self._journal,
            alarms=self._alarms, clock=clock, recipe_changed=lambda ready: self._tally.follow(ready.rules),
        )  # fmt: skip
        self._incidents = Incidents(
            modes=self._modes, orders=self._orders, alarms=self._alarms, journal=self._journal, tally=self._tally,
            clock=clock,
        )  # fmt: skip
        self._note_start(started)

    def _note_start(self, started: EpochStart) -> None:
        now_ns = self._clock.now_ns()
        if started.unclean:
            detail = f"{started.closed_parts} parts were open and are recorded as rejected"
            self._alarms.happened("line_restarted", now_ns, detail)
            self._journal.note("line_restarted", detail)
        if self._recipes.damaged:
            self._alarms.happened(_UNREADABLE, now_ns, f"choose the recipe again: {self._recipes.damaged}"[:200])
            self._journal.note(_UNREADABLE, f"{self._recipes.damaged}; none is active"[:500])
        if started.memory is not None and started.memory.coming_lot:  # who set it was told that it would begin
            self._journal.remember(self._modes.set_lot(started.memory.coming_lot, by="line"))

    def _end(self) -> None:
        """What is under the open gate leaves it whole; the gate's last reports come after it has come to rest."""
        self._flow.halt()
        self._clock.sleep(_LEAVE_S)
        self._gate.close()
        self._flow.close_all(ReasonCode.LINE_RESTART)
        self._take_gate_reports()
        if not self._outages.open:
            now_ns = self._clock.now_ns()
            self._committer.put(self._journal.mark(self._inputs.accepted_until_ns, now_ns))

    # --- one round --------------------------------------------------------------------------------------------

    def _clear_wake(self) -> None:
        try:
            os.eventfd_read(self._wake_fd)
        except BlockingIOError:
            return  # it was another that woke us

    def _take_inputs(self) -> None:
        for event in self._inputs.read():
            announced = self._triggers.edge(event)
            if announced is not None:
                self._flow.announce(announced)
        if self._inputs.just_lost:
            self._flow.close_all(ReasonCode.BELT_STOPPED)

    def _take_reports(self) -> None:
        for message in self._reports.drain():
            match message:
                case wire.Judged():
                    self._flow.judged(message.result)
                case wire.Seen():
                    self._crossing(message)
                case wire.RecipeReady():
                    self._orders.recipe_ready(message)
                case wire.RecipeFailed():
                    self._orders.recipe_failed(message)

    def _crossing(self, seen: wire.Seen) -> None:
        if self._triggers.settled(seen) or self._in_an_outage(seen):
            self._line.send(wire.SeenAck(camera=seen.camera, epoch=seen.epoch, n=seen.n))
            return
        if not self._inputs.heard:
            return  # it is repeated, and then lies in the outage
        announced = self._triggers.seen(seen)
        if announced is not None and not self._flow.announce(announced):
            self._triggers.forget(seen)

    def _in_an_outage(self, seen: wire.Seen) -> bool:
        """It crossed before triggers were accepted: the outage accounts for it, or is made longer so that it does."""
        if not self._inputs.heard or seen.crossed_at_ns > self._inputs.accepted_from_ns:
            return False
        if seen.crossed_at_ns < self._inputs.outage_from_ns and self._triggers.seen(seen) is not None:
            self._journal.outage(seen.crossed_at_ns, self._inputs.accepted_from_ns, "a crossing was announced too late")
        return True

    def _take_statuses(self) -> None:
        now_ns = self._clock.now_ns()
        for message in self._statuses.drain():
            if isinstance(message, wire.Status):
                self._health.hear(message, now_ns)

    def _take_done(self) -> None:
        for group in self._committer.done():
            self._flow.committed(group)
        self._take_gate_reports()

    def _take_gate_reports(self) -> None:
        for report in self._gate.reports():
            self._from_gate(report)

    def _from_gate(self, report: Report) -> None:
        match report:
            case Answer():
                self._flow.answered(report)
            case Done():
                self._flow.past(report)
            case Trouble():
                self._incidents.trouble(report)
            case Gap():
                self._incidents.gap(report)

    def _take_orders(self) -> None:
        for _ in range(_ASKED_AT_ONCE):
            asked = self._asked.receive()
            if asked is None:
                return
            peer, request = asked
            if isinstance(request, wire.AskState):
                self._asked.reply(peer, self._state())
            else:
                self._asked.reply(peer, self._orders.obey(request))

    # --- saying -----------------------------------------------------------------------------------------------

    def _report(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns < self._look_ns and not self._poller.has(self._asked):
            return
        self._look_ns = now_ns + _LOOK_NS
        state = self._state()
        self._drive(state)
        pause_ns = _STATE_NS if state == self._said else _COUNTS_NS
        if reporting.differ(state, self._said) or now_ns - self._state_ns >= pause_ns:
            self._state_ns, self._said = now_ns, state
            self._line.send(state)
        if now_ns - self._status_ns >= _STATUS_NS:
            self._status_ns = now_ns
            self._status.send(self._status_now(now_ns, state))

    def _drive(self, state: wire.LineState) -> None:
        if state.permit is not self._permit:
            self._permit = state.permit
            self._gate.tell(SetOutput(output=Output.PERMIT, level=state.permit))
            self._journal.note("permit", "on" if state.permit else f"off: {', '.join(state.permit_reasons)}")
        lamp = self._modes.mode is Mode.BYPASS
        if lamp is not self._lamp:
            self._lamp = lamp
            self._gate.tell(SetOutput(output=Output.LAMP, level=lamp))

    def _state(self) -> wire.LineState:
        return reporting.line_state(
            epoch=self._epoch,
            modes=self._modes,
            recipes=self._recipes,
            permit_reasons=self._permit_reasons(),
            in_flight=self._flow.in_flight,
            coming_lot=self._orders.coming_lot,
            counts=dict(self._tally.counts),
        )

    def _permit_reasons(self) -> tuple[str, ...]:
        active = self._recipes.active
        now_ns = self._clock.now_ns()
        known = Conditions(
            mode=self._modes.mode,
            latched=self._modes.latched,
            has_recipe=active is not None,
            inputs_heard=self._inputs.heard,
            belt_known=self._belt.known,
            ledger_full=self._committer.full,
            ledger_slow=not self._committer.has_room() or self._progress.stuck_since(now_ns) > 0,
            bin_full=self._inputs.bin_full,
            cameras=active.cameras if active is not None else (),
            counting=self._station.counting_cameras,
            rejects_all=self._flow.rejects_all,
        )
        return permit.reasons(known, self._health, now_ns)

    def _status_now(self, now_ns: int, state: wire.LineState) -> wire.Status:
        self._alarms.set("ledger_full", self._committer.full, now_ns)
        self._alarms.set("bin_full", self._inputs.bin_full, now_ns)
        self._alarms.set("inputs_lost", not self._inputs.heard, now_ns)
        self._alarms.set("bypass", state.mode is Mode.BYPASS, now_ns)
        self._alarms.set("latched", state.latched, now_ns)
        alarms = self._alarms.now(now_ns)
        ends = (self._line, self._reports, self._asked, self._statuses)
        return wire.Status(
            service="line",
            pid=os.getpid(),
            started_ns=self._started_ns,
            at_ns=now_ns,
            state="degraded" if alarms else "ready",
            queues=(
                *(end.queue_state() for end in ends),
                *self._port.queues(),
                *self._gate.queues(),
                *self._committer.queues(),
            ),
            counters=reporting.counters(self._flow, self._gate, self._committer, self._outages),
            alarms=alarms,
        )

    def _check_threads(self) -> None:
        """A thread that ended takes the process with it: the relay then drops gate and permit."""
        if self._committer.error is not None:
            raise self._committer.error
        if not (self._gate.running and self._committer.running):
            raise ServiceError("a thread of the line has ended", hint="see the log; the line starts again by itself")
        if self._gate.stands(self._clock.now_ns()):
            raise ServiceError("the gate's thread stands still", hint="see the log; the line starts again by itself")
