"""The gate's plan: default reject. Pure: no thread, no clock, no I/O; the gate thread tells it the time.

A part has a window [start, end) in belt position, with its centre at the travel. It passes only when it was allowed
before its cut-off (window start minus actuator lead) and no window of a part that is not allowed overlaps its own.
What is said of a part afterwards is where the gate really stood when the part's centre came by.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.clock import MS
from edge.domain.part import PartId
from edge.domain.verdict import GateOutcome
from edge.line.belt import Belt
from edge.line.ports import InputEvent
from edge.settings import station

GateKind = Literal["pass_pulse", "reject_pulse"]
_HISTORY = 512
_LOOK_AGAIN_NS = MS  # at a belt that should be there by now: counts that stay away must not make the thread spin


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """unconfirmed_limit: so many rejects in a row that nobody saw fall into the bin are a jam."""

    kind: GateKind
    lead_ns: int
    max_travel_ns: int
    time_gap_ns: int
    safe_ns: int
    confirm: bool
    confirm_within_ns: int
    unconfirmed_limit: int = 3

    @classmethod
    def of(cls, line: station.Line) -> GateSettings:
        return cls(
            kind=line.gate,
            lead_ns=round(line.lead_ms * MS),
            max_travel_ns=round(line.max_travel_ms * MS),
            time_gap_ns=round(line.time_gap_ms * MS),
            safe_ns=round(line.safe_ms * MS),
            confirm=line.confirm_input,
            confirm_within_ns=round(line.confirm_within_ms * MS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where a part meets the gate, in belt units."""

    start: int
    centre: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The gate is past a part. allowed: it had its OK in time; passed without that is an alarm."""

    part: PartId
    outcome: GateOutcome
    at_ns: int
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """code: reject_not_confirmed, confirm_unexpected, jam, passed_not_ok."""

    code: str
    at_ns: int
    detail: str = ""


@dataclass(slots=True)
class _Slot:
    part: PartId
    window: Window
    allowed: bool = False  # its OK came in time
    denied: bool = False  # on reject for ever
    missed: bool = False  # it could not pass when its window began: no half openings
    begun: bool = False
    confirmed: bool = False
    finishing: bool = False  # the line was halted while it was under the open gate
    past_ns: int = 0

    @property
    def may_pass(self) -> bool:
        return self.allowed and not self.denied

    def opens_late(self, here: int) -> bool:
        """The gate would open with the part's edge under it already: such a part is rejected whole."""
        return 2 * (here - self.window.start) > self.window.centre - self.window.start

    def overlaps(self, other: _Slot) -> bool:
        return self.window.start < other.window.end and other.window.start < self.window.end


class GatePlan:
    """All parts between trigger and gate, by belt position."""

    def __init__(self, settings: GateSettings, belt: Belt) -> None:
        self._settings = settings
        self._belt = belt
        self._slots: dict[PartId, _Slot] = {}
        self._waiting: dict[PartId, _Slot] = {}  # rejected, may still be confirmed
        self._history: deque[tuple[int, bool]] = deque(maxlen=_HISTORY)  # (position, the gate lets through)
        self._passing = False
        self._purge_until: int | None = None
        self._furthest: int | None = None
        self._unconfirmed = 0
        self._reports: list[Done | Trouble] = []

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, part: PartId, window: Window, now_ns: int, *, denied: bool = False) -> None:
        """A part is on its way: rejected unless allowed. A window that began already never opens.

        denied: on reject for ever, whatever is said of it later.
        """
        self._advance(now_ns)
        late = window.start <= self._belt.position(now_ns)
        self._slots[part] = _Slot(part=part, window=window, begun=late, missed=late, denied=denied)

    def allow(self, part: PartId, now_ns: int) -> bool:
        """The part's OK is durable. False: its cut-off has passed, or it is on reject for ever."""
        self._advance(now_ns)
        slot = self._slots.get(part)
        if slot is None or slot.denied or slot.begun or not self._belt.ready:
            return False
        if self._belt.position(now_ns) + self._belt.span(self._settings.lead_ns) >= slot.window.start:
            return False
        slot.allowed = True
        return True

    def deny_all(self, now_ns: int) -> tuple[PartId, ...]:
        """Everything in flight goes on reject for ever, and the gate rejects for one maximum travel."""
        self._advance(now_ns)
        for slot in self._slots.values():
            slot.denied = True
        self.purge(now_ns)
        return tuple(self._slots)

    def halt(self, now_ns: int) -> tuple[PartId, ...]:
        """As `deny_all`, but an OK part that is under the open gate now leaves it whole: a gate that closes on a part
        tears it, and nobody knows where the halves go. With it go OK parts whose windows overlap."""
        self._advance(now_ns)
        here = self._belt.position(now_ns)
        group = [s for s in self._slots.values() if s.begun and here < s.window.end and self._open(s)]
        for slot in group:  # grows while it is walked: neighbours of neighbours
            slot.finishing = True
            group += [s for s in self._slots.values() if s.may_pass and not s.finishing and s.overlaps(slot)]
        for slot in self._slots.values():
            slot.denied = slot.denied or not slot.finishing
        self.purge(now_ns)
        return tuple(part for part, slot in self._slots.items() if slot.denied)

    def purge(self, now_ns: int) -> None:
        """Parts from before are unknown: reject for one maximum travel of running belt."""
        self._purge_until = self._belt.position(now_ns) + self._belt.span(self._settings.max_travel_ns)

    def gap(self, from_ns: int, now_ns: int) -> tuple[PartId, ...]:
        """Nobody steered from `from_ns` to `now_ns`: the gate stood as it was until the relay dropped it."""
        if self._passing and now_ns - from_ns > self._settings.safe_ns:
            self._note(self._belt.position(from_ns + self._settings.safe_ns), False)
            self._passing = False
        return self.deny_all(now_ns)

    def take(self, event: InputEvent, now_ns: int) -> bool:
        """The belt's inputs. True: parts in flight were put on reject, the belt is not where it was thought to be."""
        self._advance(now_ns)
        knew = self._belt.ready
        slipped = self._belt.take(event)
        if slipped:
            self.deny_all(now_ns)
        if not knew and self._belt.ready:
            self.purge(now_ns)
        return slipped

    def lose_belt(self, at_ns: int, now_ns: int) -> tuple[PartId, ...]:
        self._belt.lose(at_ns)
        return self.deny_all(now_ns)

    def confirm(self, at_ns: int, now_ns: int) -> None:
        """Something fell into the bin: the first of those that may have."""
        self._advance(now_ns)
        reached = self._belt.position(at_ns) + self._settle()
        latest_ns = at_ns - self._settings.confirm_within_ns
        waiting = [slot for slot in self._waiting.values() if slot.past_ns >= latest_ns]
        coming = [slot for slot in self._slots.values() if not self._open(slot)]
        for slot in sorted((*waiting, *coming), key=lambda slot: slot.window.start):
            if not slot.confirmed and slot.window.start <= reached:
                slot.confirmed = True
                return
        if not self._after_purge(now_ns):
            self._reports.append(Trouble(code="confirm_unexpected", at_ns=at_ns))

    def turn(self, now_ns: int) -> bool:
        """The level of the gate output now. Call it whenever something was told or is due."""
        self._advance(now_ns)
        passing = self._decide(now_ns)
        if passing != self._passing:
            self._passing = passing
            self._note(self._belt.position(now_ns), passing)
        return passing if self._settings.kind == "pass_pulse" else not passing

    @property
    def rejecting(self) -> bool:
        """What the output is when nothing is known: for stops, stuck chains and starts."""
        return self._settings.kind == "reject_pulse"

    def purging(self, now_ns: int) -> bool:
        return self._purge_until is not None and self._belt.position(now_ns) < self._purge_until

    def next_due(self, now_ns: int) -> int | None:
        """When the next window begins or ends, the purge is over, or a confirmation is overdue. None: nothing is."""
        here = self._belt.position(now_ns)
        settle = self._settle()
        edges = [edge for s in self._slots.values() for edge in (s.window.start, s.window.end, s.window.end + settle)]
        if self._purge_until is not None:
            edges.append(self._purge_until)
        ahead = min((edge for edge in edges if edge > here), default=None)
        times = [slot.past_ns + self._settings.confirm_within_ns + 1 for slot in self._waiting.values()]
        when_ns = None if ahead is None else self._belt.when(ahead)
        if when_ns is not None:
            times.append(when_ns if when_ns > now_ns else now_ns + _LOOK_AGAIN_NS)
        return min(times, default=None)

    def reports(self) -> list[Done | Trouble]:
        """What happened since the last call."""
        reports, self._reports = self._reports, []
        return reports

    def flush(self, now_ns: int) -> None:
        """The line ends: the gate rests on reject, and so does everything that has not passed yet."""
        self._advance(now_ns)
        for slot in (*self._waiting.values(), *self._slots.values()):
            self._report(slot, now_ns)
        self._waiting.clear()
        self._slots.clear()

    # --- inside ---------------------------------------------------------------------------------------------

    def _settle(self) -> int:
        """Belt edges may be heard this late: a part is not past before."""
        return self._belt.span(self._settings.time_gap_ns)

    def _decide(self, now_ns: int) -> bool:
        """True when the gate may let through."""
        if not self._belt.ready:
            return False
        here = self._belt.position(now_ns)
        inside = [s for s in self._slots.values() if s.window.start <= here < s.window.end]
        if self.purging(now_ns):
            return any(slot.finishing and self._open(slot) for slot in inside)
        if self._settings.kind == "reject_pulse":
            return all(slot.may_pass and not slot.missed for slot in inside)
        return any(self._open(slot) for slot in inside)

    def _open(self, slot: _Slot) -> bool:
        """Whether the gate opens for this part: allowed, begun well, and no reject window overlaps."""
        if not slot.may_pass or slot.missed:
            return False
        return all(other.may_pass for other in self._slots.values() if other is not slot and slot.overlaps(other))

    def _advance(self, now_ns: int) -> None:
        """Settle what time has decided, before anything new is taken into account."""
        here = self._belt.position(now_ns)
        if self._furthest is not None and here < self._furthest - self._settle():
            self._furthest = here
            self.deny_all(now_ns)  # the belt was not where the gate thought: nothing in flight can be told apart
            return
        self._furthest = here if self._furthest is None else max(here, self._furthest)
        begun = [s for s in self._slots.values() if not s.begun and s.window.start <= here]
        shut = self.purging(now_ns) or not self._belt.ready
        late = [slot for slot in begun if not self._passing and slot.opens_late(here)]
        missed = [s for s in begun if (shut and not s.finishing) or not self._open(s) or s in late]
        for slot in begun:
            slot.begun = True
        for slot in missed:
            slot.missed = True
        for slot in [s for s in self._slots.values() if s.window.end + self._settle() <= here]:
            self._past(slot, now_ns)
        self._expire(now_ns)

    def _past(self, slot: _Slot, now_ns: int) -> None:
        del self._slots[slot.part]
        slot.past_ns = now_ns
        if self._settings.confirm and not slot.confirmed and not self._passed(slot):
            self._waiting[slot.part] = slot
        else:
            self._report(slot, now_ns)

    def _expire(self, now_ns: int) -> None:
        limit_ns = now_ns - self._settings.confirm_within_ns
        for slot in [s for s in self._waiting.values() if s.confirmed or s.past_ns < limit_ns]:
            del self._waiting[slot.part]
            self._report(slot, now_ns)

    def _report(self, slot: _Slot, now_ns: int) -> None:
        passed = self._passed(slot)
        if passed:
            outcome = GateOutcome.PASSED
        elif slot.may_pass:
            outcome = GateOutcome.COLLATERAL
        else:
            outcome = GateOutcome.CONFIRMED if slot.confirmed else GateOutcome.REJECTED
        at_ns = slot.past_ns or now_ns
        self._reports.append(Done(part=slot.part, outcome=outcome, at_ns=at_ns, allowed=slot.allowed))
        if passed and not slot.allowed:
            self._reports.append(Trouble(code="passed_not_ok", at_ns=at_ns, detail=str(slot.part)))
        if not passed and slot.past_ns:
            self._count_confirmation(slot, at_ns)

    def _count_confirmation(self, slot: _Slot, at_ns: int) -> None:
        if not self._settings.confirm:
            return
        if slot.confirmed:
            self._unconfirmed = 0
            return
        self._unconfirmed += 1
        self._reports.append(Trouble(code="reject_not_confirmed", at_ns=at_ns, detail=str(slot.part)))
        if self._unconfirmed >= self._settings.unconfirmed_limit:
            self._unconfirmed = 0
            self._reports.append(Trouble(code="jam", at_ns=at_ns, detail=str(slot.part)))

    def _passed(self, slot: _Slot) -> bool:
        """Where the gate stood when the part's centre came by."""
        if self._furthest is None or slot.window.centre > self._furthest:
            return False  # it has not come yet
        for position, passing in reversed(self._history):
            if position <= slot.window.centre:
                return passing
        return False

    def _after_purge(self, now_ns: int) -> bool:
        """Unknown parts fall into the bin during a purge and shortly after."""
        return self._purge_until is not None and (
            self.purging(now_ns) or self._belt.position(now_ns) < self._purge_until + self._confirm_span()
        )

    def _confirm_span(self) -> int:
        return self._belt.span(self._settings.confirm_within_ns)

    def _note(self, position: int, passing: bool) -> None:
        self._history.append((position, passing))
