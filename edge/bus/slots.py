"""Which slot of a ring capture fills next. Pure: no memory, no clock, no messages.

A slot is EMPTY, or WRITING (taken, not yet published), or holds a frame that is
    FRESH    published; no part has claimed it
    MATCHED  a part waits for its verdict
    JUDGED   verdict recorded; the recorder may still want the picture
    DONE     nobody wants it any more
Leases (messages by seq from inference and recorder) move a frame FRESH -> MATCHED -> JUDGED -> DONE, skipping
allowed, never back. They are a courtesy: they may be lost, late, twice or out of order, and nothing becomes
wrong, because a reader of a slot that was reused learns it from the generation. A frame that serves two
parts is freed by the first lease that says so; at worst the other part is NOT_INSPECTED.

Reuse order, each class oldest seq first:
    1  EMPTY
    2  FRESH for longer than `fresh_for_ns`: no trigger can still claim it. The usual case with a free
       running camera; costs nothing (counted as `unmatched`)
    3  DONE
    4  JUDGED, and MATCHED for longer than `matched_for_ns`: a picture is shed (`shed_evidence`)
    5  FRESH and young: its trigger may still be on the way, so a part may lose its frame (`overwritten`)
    6  MATCHED: its part becomes NOT_INSPECTED (`shed_unjudged`)

Why young FRESH frames come after JUDGED ones though "first unmatched" is the rule for old ones: with the
recorder dead every judged frame stays JUDGED. If young frames went first, those would fill the ring, each
new frame would overwrite the one before it ahead of its trigger, and the death of the recorder would stop
inspection. Pictures are shed first (promise 7). Why young FRESH before MATCHED: the one may cost a part,
the other surely does. Oldest first among the young, because the older has had more time to be claimed.

Why MATCHED frames lapse: a lost lease would keep its slot until the very last. After `matched_for_ns`
(longer than the longest trigger-to-cut-off time) no verdict can cancel that part's reject any more, so
only the picture is lost.

A ring that never overwrites under load has at least: frames per second x fresh_for + parts in flight +
pictures waiting for the recorder + one being written.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Literal

from edge.clock import MS, SECOND
from edge.errors import RingError

Shed = Literal["unmatched", "evidence", "unjudged"]


class SlotState(StrEnum):
    EMPTY = "empty"
    WRITING = "writing"
    FRESH = "fresh"
    MATCHED = "matched"
    JUDGED = "judged"
    DONE = "done"


class _Reuse(IntEnum):
    """The classes of the module's table, and their order."""

    EMPTY = 1
    UNMATCHED = 2
    DONE = 3
    EVIDENCE = 4
    YOUNG = 5
    UNJUDGED = 6


_COSTS: dict[_Reuse, tuple[str, Shed | None]] = {
    _Reuse.UNMATCHED: ("unmatched", None),
    _Reuse.EVIDENCE: ("shed_evidence", "evidence"),
    _Reuse.YOUNG: ("overwritten", "unmatched"),
    _Reuse.UNJUDGED: ("shed_unjudged", "unjudged"),
}
_LEASE_ORDER = (SlotState.FRESH, SlotState.MATCHED, SlotState.JUDGED, SlotState.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The slot to fill. shed: what was lost by it, None for nothing. lost_seq: that frame, 0 for none.

    shed "unmatched": a young frame that a trigger might still have claimed. "evidence": a picture that the
    recorder may have wanted. "unjudged": a frame whose part still waits; the part is NOT_INSPECTED.
    """

    slot: int
    shed: Shed | None = None
    lost_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCounts:
    """Since the start. unmatched: frames that no part needed (no loss). late_leases: leases that changed
    nothing, because they came late, twice, out of order or for an unknown frame. Others: see the module."""

    unmatched: int = 0
    overwritten: int = 0
    shed_evidence: int = 0
    shed_unjudged: int = 0
    late_leases: int = 0


@dataclass(slots=True, kw_only=True)
class _Slot:
    state: SlotState = SlotState.EMPTY
    seq: int = 0
    generation: int = 0
    since_ns: int = 0


class SlotPool:
    """The states of a ring's slots. Not thread-safe: it belongs to capture's loop."""

    def __init__(self, count: int, *, fresh_for_ns: int = 250 * MS, matched_for_ns: int = 10 * SECOND) -> None:
        if count < 1 or fresh_for_ns < 0 or matched_for_ns < fresh_for_ns:
            raise RingError(
                f"{count} slots, fresh for {fresh_for_ns} ns, matched for {matched_for_ns} ns cannot be",
                hint="at least one slot, and a part waits at least as long as its trigger takes",
            )
        self._fresh_for_ns = fresh_for_ns
        self._matched_for_ns = matched_for_ns
        self._slots = [_Slot() for _ in range(count)]
        self._by_seq: dict[int, int] = {}
        self._counts = {field.name: 0 for field in fields(SlotCounts)}

    def take(self, now_ns: int) -> Taken:
        """The next slot to fill; it is WRITING until `published` or `abandoned`.

        RingError when every slot is WRITING: more frames are under way than the ring has slots.
        """
        free = [index for index, slot in enumerate(self._slots) if slot.state is not SlotState.WRITING]
        if not free:
            raise RingError("every slot of the ring is being filled", hint="give the ring more slots")
        reuse, _, index = min((self._reuse(self._slots[i], now_ns), self._slots[i].seq, i) for i in free)
        old = self._slots[index]
        counter, shed = _COSTS.get(reuse, (None, None))
        if counter:
            self._counts[counter] += 1
        self._by_seq.pop(old.seq, None)
        self._slots[index] = _Slot(state=SlotState.WRITING, since_ns=now_ns)
        return Taken(slot=index, shed=shed, lost_seq=old.seq if shed else 0)

    def published(self, slot: int, seq: int, generation: int, at_ns: int | None = None) -> None:
        """A taken slot now holds frame `seq`. Its age counts from `at_ns`, else from `take`.

        RingError when the slot was not taken, or the seq is not new.
        """
        entry = self._writing(slot)
        if seq < 1 or seq in self._by_seq:
            raise RingError(f"frame {seq} cannot be published twice", hint="seq counts up from 1")
        entry.state = SlotState.FRESH
        entry.seq = seq
        entry.generation = generation
        entry.since_ns = entry.since_ns if at_ns is None else at_ns
        self._by_seq[seq] = slot

    def abandoned(self, slot: int) -> None:
        """A taken slot got no frame. RingError when it was not taken."""
        self._writing(slot)
        self._slots[slot] = _Slot()

    def lease(self, seq: int, state: SlotState) -> bool:
        """Somebody's word on frame `seq`: MATCHED, JUDGED or DONE. False (counted) when it changes nothing."""
        index = self._by_seq.get(seq)
        if index is not None and state in _LEASE_ORDER:
            entry = self._slots[index]
            if _LEASE_ORDER.index(state) > _LEASE_ORDER.index(entry.state):
                entry.state = state
                return True
        self._counts["late_leases"] += 1
        return False

    def holding(self, seq: int) -> tuple[int, int] | None:
        """(slot, generation) of frame `seq` while the ring has it."""
        index = self._by_seq.get(seq)
        return None if index is None else (index, self._slots[index].generation)

    def state(self, slot: int) -> SlotState:
        return self._slots[slot].state

    @property
    def counts(self) -> SlotCounts:
        return SlotCounts(**self._counts)

    def census(self) -> dict[SlotState, int]:
        """How many slots are in each state, for the panel."""
        states = [slot.state for slot in self._slots]
        return {state: states.count(state) for state in SlotState}

    def _writing(self, slot: int) -> _Slot:
        if not 0 <= slot < len(self._slots) or self._slots[slot].state is not SlotState.WRITING:
            raise RingError(f"slot {slot} was not taken", hint="take a slot before filling it")
        return self._slots[slot]

    def _reuse(self, slot: _Slot, now_ns: int) -> _Reuse:
        age_ns = now_ns - slot.since_ns
        if slot.state is SlotState.EMPTY:
            return _Reuse.EMPTY
        if slot.state is SlotState.FRESH:
            return _Reuse.UNMATCHED if age_ns > self._fresh_for_ns else _Reuse.YOUNG
        if slot.state is SlotState.DONE:
            return _Reuse.DONE
        if slot.state is SlotState.JUDGED or age_ns > self._matched_for_ns:
            return _Reuse.EVIDENCE
        return _Reuse.UNJUDGED
