"""The machine: belt, sensor, camera trigger, gate, bin, relay and permit, driven by time alone. Pure.

`turn(now)` lets everything happen up to `now`, in order and with exact times, and says what the services
would notice of it (input messages, camera shots) and what is true (truth events). A turn that comes late
changes no time: sensor edges and exposures keep their own, and the gate is judged by the times in its outputs.

Geometry: sensor and camera are at a part's position, the gate `travel_ms` of running belt behind it. The
gate works on a part's middle: +-15 ms of belt and 5 ms of margin; the part passes only if the gate lets pass
all that while the belt moves, is rejected only if it rejects all that while, and is torn otherwise.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.apps.demo import conveyor, relay, truth
from edge.apps.demo.scene.spec import PartSpec
from edge.apps.demo.troubles import FRAME_TROUBLES, Trouble, Troubles
from edge.bus import wire
from edge.bus.iopage import OutputEvent
from edge.clock import MS, SECOND

EXPOSURE_AFTER_NS = 3 * MS  # trigger to mid-exposure
_READOUT_NS = 5 * MS
_LATE_NS = 300 * MS
_SENSOR_MS = 15.0
_GATE_MS = 20.0
_FALL_NS = 150 * MS
_CONFIRM_NS = 30 * MS
_BOUNCE_NS = 8 * MS
_LEVELS_NS = 100 * MS
_SETTLE_NS = relay.LAG_NS + 20 * MS
_LEAD_IN_MS = 700.0
_SWAP_WAIT_NS = SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the machine is set up. min_gap_ms: parts are never fed closer. bin_size: parts until it is full (0: emptied
    in time). parts: how many to feed (0: no end). permit_stops_belt: else parts go on and must be rejected."""

    product: str
    seed: int
    rate_per_min: float
    travel_ms: float = 800.0
    safe_ms: float = 100.0
    min_gap_ms: float = 20.0
    defect_rate: float = 0.12
    parts: int = 0
    bin_size: int = 0
    pass_pulse: bool = True
    permit_stops_belt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A picture that will be needed: this part in the middle, the belt moved by `belt_px`."""

    spec: PartSpec
    belt_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The camera gives out a frame now. look: "" as drawn, "black", or "stale" for the bytes of the shot before."""

    n: int
    exposed_at_ns: int
    look: str = ""


@dataclass(slots=True)
class Turn:
    """What happened: messages and shots in order of time."""

    inputs: list[wire.InputEdge] = field(default_factory=list)
    levels: wire.InputLevels | None = None
    draws: list[Draw] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    truth: list[truth.Event] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Part:
    placed: conveyor.Placed
    entered_ns: int = 0
    middle_ns: int = 0
    left_ns: int = 0


class World:
    """See the module. Times passed in must not go back."""

    def __init__(self, conditions: Conditions, now_ns: int) -> None:
        self._set = conditions
        self._speed = conveyor.speed_mm_s(conditions.rate_per_min)
        self._belt = conveyor.Belt(self._speed, now_ns)
        self._feeder = conveyor.Feeder(
            product=conditions.product,
            seed=conditions.seed,
            defect_rate=conditions.defect_rate,
            min_gap_mm=conveyor.ms_to_mm(conditions.min_gap_ms, self._speed),
            limit=conditions.parts,
        )
        self._relay = relay.Relay(round(conditions.safe_ms * MS), now_ns)
        self._troubles = Troubles()
        self._ahead_mm = max(3 * conveyor.PITCH_MM, conveyor.ms_to_mm(_LEAD_IN_MS, self._speed))
        self._marks: list[tuple[float, int, str, int]] = []  # (position, order, what, n)
        self._timed: list[tuple[int, int, str, int]] = []  # (time, order, what, n)
        self._order = 0
        self._parts: dict[int, _Part] = {}
        self._held: Shot | None = None  # the first of two frames that are announced in exchanged order
        self._fates: dict[int, Trouble | None] = {}  # of exposures that are not given out yet
        self._exposed: dict[int, int] = {}
        self._shown = 0
        self._sensor = self._stuck = self._bin_full = False
        self._binned = 0
        self._started = self._finishing = False
        self._levels_ns = now_ns
        self._now_ns = now_ns
        self._turn = Turn()

    @property
    def fed(self) -> int:
        return self._feeder.fed

    @property
    def permit(self) -> bool:
        return self._relay.now.permit

    @property
    def started(self) -> bool:
        """The permit has been on: the start button could be pressed."""
        return self._started

    @property
    def drained(self) -> bool:
        """No more parts come and the last one is past gate and bin."""
        return self._started and not self._feeder.feeding and not self._parts and not self._timed

    def due_ns(self) -> int:
        """When something happens next, as things are; a turn need not come earlier."""
        times = [self._levels_ns, *(entry[0] for entry in self._timed[:1])]
        if self._marks:
            times += [at_ns for at_ns in (self._belt.when_ns(self._marks[0][0]),) if at_ns is not None]
        return min(times)

    def turn(self, outputs: Iterable[OutputEvent], now_ns: int) -> Turn:
        self._turn = Turn()
        self._now_ns = now_ns
        self._feel(outputs, now_ns)
        self._feed(now_ns)
        self._happen(now_ns)
        self._end_troubles(now_ns)
        self._turn.inputs.sort(key=lambda edge: edge.at_ns)
        if now_ns >= self._levels_ns:
            self._levels_ns = now_ns + _LEVELS_NS
            self._turn.levels = self._report(now_ns)
        return self._turn

    # --- what people and programs do to it; each takes effect at the time of the last turn -----------------------

    def command_belt(self, running: bool) -> Turn:
        self._turn = Turn()
        self._move(running, self._now_ns)
        return self._turn

    def trouble(self, trouble: Trouble, value: float) -> Turn:
        self._turn = Turn()
        now_ns = self._now_ns
        self._troubles.begin(trouble, value, now_ns)
        self._turn.truth.append(truth.Fault(at_ns=now_ns, kind=trouble, value=value, begins=True))
        if trouble is Trouble.BELT_STOP:
            self._move(False, now_ns)
        elif trouble is Trouble.BIN_FULL:
            self._fill_bin(True, now_ns)
        return self._turn

    def clear(self) -> Turn:
        """End all troubles and empty the bin."""
        self._turn = Turn()
        for trouble in self._troubles.clear():
            self._undo(trouble, self._now_ns)
        self._binned = 0
        self._fill_bin(False, self._now_ns)
        return self._turn

    def finish(self) -> None:
        self._finishing = self._started = True
        self._feeder.finish()

    # --- the machine --------------------------------------------------------------------------------------------

    def _feel(self, outputs: Iterable[OutputEvent], now_ns: int) -> None:
        before = self._relay.now
        for level in self._relay.settle(outputs, now_ns - relay.LAG_NS):
            if level.relay != before.relay:
                self._turn.truth.append(truth.Relay(at_ns=level.at_ns, on=level.relay))
            if level.permit != before.permit:
                self._turn.truth.append(truth.Permit(at_ns=level.at_ns, on=level.permit))
                self._permit_changed(level.permit, now_ns)
            before = level
        oldest_ns = min((part.entered_ns for part in self._parts.values() if part.entered_ns), default=now_ns)
        self._relay.forget(oldest_ns - SECOND)

    def _permit_changed(self, on: bool, now_ns: int) -> None:
        if on and not self._started:
            self._started = True
            self._feeder.begin(self._belt.position_mm(now_ns) + self._ahead_mm)
        # A gate that rests at pass is safe only because the permit stops the belt.
        if self._set.permit_stops_belt or not self._set.pass_pulse:
            self._move(on, now_ns)

    def _feed(self, now_ns: int) -> None:
        for placed in self._feeder.lay(self._belt.position_mm(now_ns) + self._ahead_mm):
            n, at_mm = placed.spec.n, placed.at_mm
            gate_mm = at_mm + conveyor.ms_to_mm(self._set.travel_ms, self._speed)
            half_mm = conveyor.ms_to_mm(_GATE_MS, self._speed)
            self._parts[n] = _Part(placed=placed)
            self._turn.draws.append(Draw(spec=placed.spec, belt_px=at_mm * conveyor.PX_PER_MM))
            self._mark(at_mm, "sensor", n)
            self._mark(at_mm + conveyor.ms_to_mm(_SENSOR_MS, self._speed), "beyond", n)
            self._mark(gate_mm - half_mm, "enter", n)
            self._mark(gate_mm, "middle", n)
            self._mark(gate_mm + half_mm, "leave", n)

    def _mark(self, position_mm: float, what: str, n: int) -> None:
        self._order += 1
        heapq.heappush(self._marks, (position_mm, self._order, what, n))

    def _later(self, at_ns: int, what: str, n: int) -> None:
        self._order += 1
        heapq.heappush(self._timed, (at_ns, self._order, what, n))

    def _happen(self, now_ns: int) -> None:
        """Everything up to `now_ns`, oldest first, whether it is a place or a time that brings it."""
        while True:
            mark_ns = self._belt.when_ns(self._marks[0][0]) if self._marks else None
            timed_ns = self._timed[0][0] if self._timed else None
            if mark_ns is not None and mark_ns <= now_ns and (timed_ns is None or mark_ns <= timed_ns):
                _, _, what, n = heapq.heappop(self._marks)
                self._reach(what, n, mark_ns)
            elif timed_ns is not None and timed_ns <= now_ns:
                _, _, what, n = heapq.heappop(self._timed)
                self._elapse(what, n, timed_ns)
            else:
                return

    def _reach(self, what: str, n: int, at_ns: int) -> None:
        part = self._parts[n]
        if what == "sensor":
            self._pass_sensor(n, part.placed.spec, at_ns)
        elif what == "beyond":
            if not self._stuck:
                self._set_sensor(False, at_ns)
        elif what == "enter":
            part.entered_ns = at_ns
        elif what == "middle":
            part.middle_ns = at_ns
        else:
            part.left_ns = at_ns
            self._later(at_ns + _SETTLE_NS, "judge", n)

    def _elapse(self, what: str, n: int, at_ns: int) -> None:
        if what == "give":
            self._give(n, at_ns)
        elif what == "judge":
            self._judge(n, at_ns)
        elif what == "fall":
            self._fall(n, at_ns)
        elif what == "confirmed":
            self._edge("confirm", False, at_ns)
        elif what == "bounce_low":
            self._set_sensor(False, at_ns)
        elif what == "bounce_high":
            self._announce(n, at_ns, ghost=True)
        elif what == "give_held" and self._held is not None and self._held.n == n:
            self._hand_out(self._held, Trouble.FRAMES_SWAPPED, at_ns)
            self._held = None

    def _pass_sensor(self, n: int, spec: PartSpec, at_ns: int) -> None:
        announced = not (self._stuck or self._troubles.active(Trouble.SENSOR_DEAD))
        kind, severity = (spec.defect.kind, spec.defect.severity) if spec.defect else ("", "")
        self._turn.truth.append(
            truth.Part(
                at_ns=at_ns, n=n, product=spec.product, kind=kind, severity=severity, announced=announced
            )
        )  # fmt: skip
        if not announced:
            return
        self._announce(n, at_ns, ghost=False)
        self._stuck = self._troubles.active(Trouble.SENSOR_STUCK)
        if not self._stuck and self._troubles.use(Trouble.SENSOR_BOUNCE):
            self._later(at_ns + _BOUNCE_NS // 2, "bounce_low", n)
            self._later(at_ns + _BOUNCE_NS, "bounce_high", n)
        self._exposed[n] = at_ns + EXPOSURE_AFTER_NS
        self._fates[n] = self._troubles.use_one_of(FRAME_TROUBLES)
        late_ns = _LATE_NS if self._fates[n] is Trouble.FRAMES_LATE else 0
        self._later(at_ns + EXPOSURE_AFTER_NS + _READOUT_NS + late_ns, "give", n)

    def _announce(self, n: int, at_ns: int, *, ghost: bool) -> None:
        self._set_sensor(True, at_ns)
        self._turn.truth.append(truth.Edge(at_ns=at_ns, n=n, ghost=ghost))

    def _give(self, n: int, at_ns: int) -> None:
        fate = self._fates.pop(n)
        exposed_ns = self._exposed.pop(n)
        if fate is Trouble.FRAMES_MISSING:
            self._turn.truth.append(truth.Exposure(at_ns=exposed_ns, n=n, shows=0, fault=fate))
            return
        look = {Trouble.FRAMES_BLACK: "black", Trouble.FRAMES_STALE: "stale"}.get(fate, "") if fate else ""
        shot = Shot(n=n, exposed_at_ns=exposed_ns, look=look)
        if fate is Trouble.FRAMES_SWAPPED and self._held is None:
            self._held = shot
            self._later(at_ns + _SWAP_WAIT_NS, "give_held", n)  # if no second one comes
            return
        self._hand_out(shot, fate, at_ns)
        if self._held is not None:
            self._hand_out(self._held, Trouble.FRAMES_SWAPPED, at_ns)
            self._held = None

    def _hand_out(self, shot: Shot, fate: Trouble | None, at_ns: int) -> None:
        stale = shot.look == "stale" and self._shown > 0
        shot = shot if stale or shot.look != "stale" else Shot(n=shot.n, exposed_at_ns=shot.exposed_at_ns)
        self._shown = self._shown if stale else shot.n
        self._turn.shots.append(shot)
        self._turn.truth.append(
            truth.Exposure(at_ns=shot.exposed_at_ns, n=shot.n, shows=self._shown, fault=fate.value if fate else "")
        )

    def _judge(self, n: int, at_ns: int) -> None:
        part = self._parts.pop(n)
        moving = self._belt.moving(part.entered_ns, part.left_ns)
        levels = [level for first, last in moving for level in self._relay.between(first, last)]
        outcome = relay.outcome(levels, pass_pulse=self._set.pass_pulse)
        middle = self._relay.between(part.middle_ns, part.middle_ns)[0]
        self._turn.truth.append(
            truth.Gate(at_ns=part.middle_ns, n=n, outcome=outcome, level=middle.wire, relay=middle.relay)
        )
        if outcome == "rejected":
            self._later(max(part.middle_ns + _FALL_NS, at_ns), "fall", n)

    def _fall(self, n: int, at_ns: int) -> None:
        seen = not self._troubles.use(Trouble.CONFIRM_MISSING)
        self._turn.truth.append(truth.Bin(at_ns=at_ns, n=n, seen=seen))
        if seen:
            self._edge("confirm", True, at_ns)
            self._later(at_ns + _CONFIRM_NS, "confirmed", n)
        self._binned += 1
        if 0 < self._set.bin_size <= self._binned:
            self._fill_bin(True, at_ns)

    def _fill_bin(self, full: bool, at_ns: int) -> None:
        if full != self._bin_full:
            self._bin_full = full
            self._edge("bin_full", full, at_ns)

    def _set_sensor(self, level: bool, at_ns: int) -> None:
        if level != self._sensor:
            self._sensor = level
            self._edge("sensor", level, at_ns)

    def _edge(self, name: str, value: bool, at_ns: int) -> None:
        self._turn.inputs.append(wire.InputEdge(input=name, value=value, at_ns=at_ns))

    def _move(self, running: bool, now_ns: int) -> None:
        if self._belt.run(now_ns) if running else self._belt.stop(now_ns):
            self._edge("belt", running, now_ns)
            self._turn.truth.append(truth.BeltMoves(at_ns=now_ns, running=running))

    def _end_troubles(self, now_ns: int) -> None:
        for trouble in self._troubles.ended(now_ns):
            self._undo(trouble, now_ns)

    def _undo(self, trouble: Trouble, now_ns: int) -> None:
        self._turn.truth.append(truth.Fault(at_ns=now_ns, kind=trouble, value=0.0, begins=False))
        if trouble is Trouble.BELT_STOP:
            self._move(True, now_ns)
        elif trouble is Trouble.BIN_FULL:
            self._fill_bin(False, now_ns)
        elif trouble is Trouble.SENSOR_STUCK and self._stuck:
            self._stuck = False
            self._set_sensor(False, now_ns)

    def _report(self, now_ns: int) -> wire.InputLevels:
        return wire.InputLevels(
            belt=self._belt.running,
            bin_full=self._bin_full,
            sensor=self._sensor,
            ticks=int(self._belt.position_mm(now_ns) / conveyor.TICK_MM),
            at_ns=now_ns,
        )
