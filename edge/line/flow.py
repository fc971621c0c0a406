"""The way of each part through the line: announced, expected, judged or overdue, recorded, past the gate.

Whatever happens, a part that was announced gets one record: its verdict when its views are complete, else
NOT_INSPECTED at its cut-off. The gate knows of it from the first moment and rejects it unless its OK is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.bus import wire
from edge.clock import MS, SECOND, Clock
from edge.domain.ledger import GateRecord, PartRecord, TriggerRecord
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.recipe import GateTiming
from edge.domain.result import Result
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.line.belt import Belt
from edge.line.committer import Committed, Committer, may_pass
from edge.line.gate import Done, Window
from edge.line.gate_thread import Add, Answer, GateThread, Purge
from edge.line.journal import Journal
from edge.line.modes import Modes
from edge.line.outages import Outages
from edge.line.parts import OpenPart, OpenParts, ViewWindow, verdict_of
from edge.line.recipes import Recipes
from edge.line.triggers import Announced, Triggers
from edge.settings.station import Station

NO_ROOM = "the ledger had no room"
_AGAIN_NS = 250 * MS  # expectations are repeated: inference may have started anew, the belt may have stopped
_NEVER_NS = 600 * SECOND  # the forecast of a cut-off while the belt stands
_ANSWER_NS = 200 * MS  # the gate answers within a turn; after that the record is told without its answer
_BYPASS_SPARE_NS = 100 * MS  # before its cut-off, a bypassed part waits no longer for its picture: it is to pass
_IMMEDIATE = {Mode.STOPPED: ReasonCode.STOPPED, Mode.SETUP: ReasonCode.SETUP, Mode.BYPASS: ReasonCode.BYPASS}

Say = Callable[[wire.Message], None]
Heard = Callable[[TriggerRecord, PartRecord], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unsaid:
    """A durable record whose Recorded waits for the gate's answer."""

    row: int
    trigger: TriggerRecord
    record: PartRecord
    since_ns: int


class Flow:
    """Main thread only. say: publishes to LINE. decided: hears of each part as it is closed (rules, counters)."""

    def __init__(
        self,
        *,
        station: Station,
        epoch: int,
        belt: Belt,
        gate: GateThread,
        committer: Committer,
        journal: Journal,
        outages: Outages,
        modes: Modes,
        recipes: Recipes,
        triggers: Triggers,
        clock: Clock,
        say: Say,
        decided: Heard,
    ) -> None:
        self._station, self._epoch = station.name, epoch
        self._lead_ns = round(station.line.lead_ms * MS)
        self._belt, self._gate, self._committer, self._journal = belt, gate, committer, journal
        self._outages, self._modes, self._recipes, self._triggers = outages, modes, recipes, triggers
        self._clock, self._say, self._decided = clock, say, decided
        self._n = 0
        self.open = OpenParts()
        self._closing: dict[PartId, tuple[TriggerRecord, PartRecord]] = {}
        self._at_gate: set[PartId] = set()
        self._unsaid: dict[PartId, _Unsaid] = {}
        self._answers: dict[PartId, bool] = {}
        self.not_accepted = 0
        self.unanswered = 0

    @property
    def in_flight(self) -> int:
        """Parts between their trigger and the gate, or without a record."""
        return len(self._at_gate | {part.id for part in self.open.all()})

    # --- in ---------------------------------------------------------------------------------------------------

    def announce(self, announced: Announced) -> bool:
        """A new part. False: it could not be accepted, which is an outage, and all in flight is rejected."""
        if not self._committer.has_room():
            self._outages.begin(NO_ROOM, announced.at_ns)
            self._gate.tell(Purge(halt=True))
            self.not_accepted += 1
            return False
        self._room_is_back()  # its outage is on record before a mark says that triggers are accepted
        trigger, window = self._accept(announced)
        if window is None:  # the gate cannot tell it from an empty belt, and a reject pulse rests on pass
            self._gate.tell(Purge())
        elif self._gate.tell(Add(part=trigger.part, window=window, denied=self.rejects_all)):
            self._at_gate.add(trigger.part)
        mark = self._journal.mark(announced.at_ns, self._clock.now_ns())
        code = self._not_to_be_judged(announced, window)
        self._committer.put(trigger, mark, then=self._acknowledgement(announced), soon=False)  # its record follows
        part = OpenPart(trigger=trigger, gate=window or Window(start=0, centre=0, end=0), views=self._views(announced))
        exact = announced.seen.camera if announced.seen is not None else ""
        self.open.keep_apart(part, exact=exact, rejected=code is not None and code is not ReasonCode.BYPASS)
        if code is not None and not self._photographed(part, announced, window):
            self._close(part, Verdict.NOT_INSPECTED, (Reason(code=code),))
            return True
        part.held = code
        self.open.add(part)
        self._expect(part, self._clock.now_ns())
        return True

    def judged(self, result: Result) -> None:
        part = self.open.judge(result)
        if part is not None:
            self.open.take(part.id)
            self._close(part, *verdict_of(part))

    def turn(self) -> None:
        """What is overdue, and what must be said again."""
        now_ns = self._clock.now_ns()
        if self._committer.has_room():
            self._room_is_back()
        here = self._belt.position(now_ns) + self._belt.span(self._lead_ns)
        for part in self.open.all():
            spare = self._belt.span(_BYPASS_SPARE_NS) if part.held is ReasonCode.BYPASS else 0
            if here + spare >= part.gate.start:
                self._overdue(part)
            elif now_ns - part.said_ns >= _AGAIN_NS:
                self._expect(part, now_ns)
        for unsaid in [u for u in self._unsaid.values() if now_ns - u.since_ns > _ANSWER_NS]:
            self.unanswered += 1
            self._tell(unsaid, acted=False)

    def close_all(self, code: ReasonCode) -> None:
        """No open part can be judged any more."""
        for part in self.open.all():
            self.open.take(part.id)
            self._close(part, Verdict.NOT_INSPECTED, (Reason(code=code),))

    def halt(self) -> None:
        """Nothing in flight may pass any more."""
        self._gate.tell(Purge(halt=True))

    # --- out --------------------------------------------------------------------------------------------------

    def past(self, done: Done) -> None:
        """The gate is past a part."""
        part = self.open.take(done.part)
        if part is not None:
            self._close(part, Verdict.NOT_INSPECTED, part.missing())
        self._at_gate.discard(done.part)
        self._committer.put(GateRecord(part=done.part, outcome=done.outcome, at_ns=done.at_ns), soon=False)

    def answered(self, answer: Answer) -> None:
        unsaid = self._unsaid.get(answer.part)
        if unsaid is not None:
            self._tell(unsaid, acted=answer.acted)
        elif answer.part in self._closing:
            self._answers[answer.part] = answer.acted  # it overtook the committer's own report

    def committed(self, group: Committed) -> None:
        """These entries are durable: say so."""
        for entry in group.entries:
            if isinstance(entry, PartRecord):
                self._recorded(entry, group.rows[entry.part])
            elif isinstance(entry, GateRecord):
                self._say(wire.GateDone(part=entry.part, outcome=entry.outcome, at_ns=entry.at_ns))
        if group.then is not None:
            group.then()

    # --- inside -----------------------------------------------------------------------------------------------

    def _room_is_back(self) -> None:
        if self._outages.open_for(NO_ROOM):
            self._journal.outage_ends(NO_ROOM, self._clock.now_ns())

    def _accept(self, announced: Announced) -> tuple[TriggerRecord, Window | None]:
        self._n += 1
        active = self._recipes.active
        trigger = TriggerRecord(
            part=PartId(station=self._station, epoch=self._epoch, n=self._n),
            trigger_ns=announced.at_ns,
            error_ns=announced.error_ns,
            source=announced.source,
            mode=self._modes.mode,
            purpose=self._modes.purpose,
            lot=self._modes.lot,
            recipe=active.recipe if active else None,
            models=active.models if active else (),
            travel=active.gate.travel if active else 0.0,
            wall=self._journal.wall(),
        )
        window = self._window(announced.at_ns, active.gate) if active and self._belt.ready else None
        return trigger, window

    def _window(self, at_ns: int, timing: GateTiming) -> Window:
        centre = self._belt.position(at_ns) + self._belt.travel(timing.travel)
        return Window(
            start=centre - self._belt.span(round(timing.before_ms * MS)),
            centre=centre,
            end=centre + self._belt.span(round(timing.after_ms * MS)),
        )

    def _not_to_be_judged(self, announced: Announced, window: Window | None) -> ReasonCode | None:
        """Why its record is clear already; None: it is to be judged."""
        code = None if self._tried() else _IMMEDIATE.get(self._modes.mode)
        if code is None and self._recipes.active is None:
            code = ReasonCode.NO_RECIPE
        if code is None and announced.too_close:
            code = ReasonCode.MIN_GAP
        if code in (None, ReasonCode.BYPASS) and window is None:
            code = ReasonCode.BELT_STOPPED
        return code

    def _tried(self) -> bool:
        """Parts are judged by a recipe that has yet to prove itself, and rejected whatever it says."""
        return self._recipes.trial and self._modes.mode is Mode.SETUP

    @property
    def rejects_all(self) -> bool:
        """In SETUP, and yet parts shall come by: for a challenge, or to be photographed for teaching."""
        return self._modes.mode is Mode.SETUP and (self._recipes.trial or self._collects)

    @property
    def _collects(self) -> bool:
        """Parts of the purpose set-up are photographed; they are as little inspected as others in these modes."""
        return self._modes.purpose is Purpose.SETUP and self._modes.mode in (Mode.SETUP, Mode.BYPASS)

    def _photographed(self, part: OpenPart, announced: Announced, window: Window | None) -> bool:
        """Its record waits for the pictures, until the gate must know."""
        return self._collects and bool(part.views) and window is not None and not announced.too_close

    def _views(self, announced: Announced) -> dict[str, ViewWindow]:
        active = self._recipes.active
        if active is None:
            return {}
        views = {
            camera: ViewWindow(
                not_before_ns=announced.at_ns + round(first * MS), not_after_ns=announced.at_ns + round(last * MS)
            )
            for camera, (first, last) in zip(active.cameras, active.windows_ms, strict=True)
        }
        if announced.seen is not None and announced.seen.camera in views:  # the camera was the sensor: that very frame
            frame = announced.seen.frame
            views[frame.camera] = ViewWindow(
                not_before_ns=frame.exposed_at_ns - frame.error_ns, not_after_ns=frame.exposed_at_ns + frame.error_ns
            )
        return views

    def _acknowledgement(self, announced: Announced) -> Callable[[], None] | None:
        """A crossing is acknowledged when its trigger is durable."""
        seen = announced.seen
        if seen is None:
            return None

        def durable() -> None:
            self._triggers.stored(seen)
            self._say(wire.SeenAck(camera=seen.camera, epoch=seen.epoch, n=seen.n))

        return durable

    def _expect(self, part: OpenPart, now_ns: int) -> None:
        part.said_ns = now_ns
        for expect in part.expects(self._cutoff_ns(part, now_ns)):
            self._say(expect)

    def _cutoff_ns(self, part: OpenPart, now_ns: int) -> int:
        when_ns = self._belt.when(part.gate.start)
        return now_ns + _NEVER_NS if when_ns is None else when_ns - self._lead_ns

    def _overdue(self, part: OpenPart) -> None:
        self.open.take(part.id)
        self._close(part, Verdict.NOT_INSPECTED, part.missing())

    def _close(self, part: OpenPart, verdict: Verdict, reasons: tuple[Reason, ...]) -> None:
        now_ns = self._clock.now_ns()
        record = part.record(verdict, reasons, now_ns=now_ns, cutoff_ns=self._cutoff_ns(part, now_ns))
        self._closing[part.id] = (part.trigger, record)
        self._committer.put(record)
        self._decided(part.trigger, record)

    def _recorded(self, record: PartRecord, row: int) -> None:
        trigger, _ = self._closing.pop(record.part)
        unsaid = _Unsaid(row=row, trigger=trigger, record=record, since_ns=self._clock.now_ns())
        acted = self._answers.pop(record.part, None)
        if may_pass(record) and acted is None:
            self._unsaid[record.part] = unsaid
        else:
            self._tell(unsaid, acted=bool(acted))

    def _tell(self, unsaid: _Unsaid, *, acted: bool) -> None:
        self._unsaid.pop(unsaid.record.part, None)
        record, trigger = unsaid.record, unsaid.trigger
        self._say(
            wire.Recorded(
                row=unsaid.row,
                part=record.part,
                verdict=record.verdict,
                reasons=record.reasons,
                results=record.results,
                trigger_ns=trigger.trigger_ns,
                purpose=trigger.purpose,
                lot=trigger.lot,
                acted=acted,
            )
        )
