"""Mode, latch, lot and purpose: what people set and what is stamped into each trigger. Pure; time is passed in.

Every change comes out as a `Change` for the ledger's events. BYPASS needs a reason, lasts 30 minutes at most, puts
the lot on hold, and is never taken over by a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.clock import SECOND
from edge.domain.ledger import LineMemory
from edge.domain.part import Mode, Purpose
from edge.errors import Refused

MAX_BYPASS_MIN = 30.0
MAX_TEXT = 200
_MAX_LOT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the ledger's events. halts: parts in flight must not pass any more."""

    kind: str
    by: str
    detail: str
    halts: bool = False


class Modes:
    """Starts STOPPED, or as `line` last remembered (BYPASS as STOPPED: nobody stands beside it now)."""

    def __init__(self, memory: LineMemory | None) -> None:
        self.mode = Mode.STOPPED
        self.latched = False
        self.lot, self.lot_on_hold = "", False
        self._next_lot: str | None = None
        self._waiting_lot = ""
        self.purpose = Purpose.PRODUCTION
        self.bypass_until_ns = 0
        if memory is not None:
            self.mode = Mode.STOPPED if memory.mode is Mode.BYPASS else memory.mode
            self.latched = memory.latched
            self.lot, self.lot_on_hold, self.purpose = memory.lot, memory.lot_on_hold, memory.purpose

    def memory(self, recipe_ready: str) -> LineMemory:
        """A lot that begins with what is being committed counts already."""
        begins = self._next_lot is not None
        return LineMemory(
            mode=self.mode,
            latched=self.latched,
            lot=self.lot if self._next_lot is None else self._next_lot,
            lot_on_hold=self.mode is Mode.BYPASS if begins else self.lot_on_hold,
            purpose=self.purpose,
            recipe_ready=recipe_ready,
            coming_lot=self._waiting_lot,
        )

    def set_mode(
        self, mode: Mode, *, by: str, reason: str, minutes: float, has_recipe: bool, now_ns: int, tries: bool = False
    ) -> Change | None:
        """None: it is so already. Refused says why not. tries: a recipe is on trial, by which nothing may pass."""
        _check_texts(by, reason)
        if mode in (Mode.RUN, Mode.BYPASS) and tries:
            raise Refused("a recipe is being challenged", hint="finish or end the challenge first")
        if mode in (Mode.RUN, Mode.BYPASS) and self.latched:
            raise Refused("the line was stopped and must be reset first", hint="find the cause, then reset")
        if mode in (Mode.RUN, Mode.BYPASS) and not has_recipe:  # it also says how far it is to the gate
            raise Refused("no recipe is active", hint="choose a recipe first")
        if mode is Mode.BYPASS:
            return self._bypass(by, reason, minutes, now_ns)
        if mode is self.mode:
            return None
        return self._enter(mode, by, reason)

    def stop(self, *, by: str, reason: str, latch: bool) -> Change:
        """The line stops itself; latched until a person resets it."""
        self.latched = self.latched or latch
        change = self._enter(Mode.STOPPED, by, reason)
        return Change(kind="latched" if latch else change.kind, by=by, detail=change.detail, halts=True)

    def reset(self, *, by: str, reason: str) -> Change:
        _check_texts(by, reason)
        if not reason:
            raise Refused("a reset needs a reason", hint="say what was found and mended")
        if not self.latched:
            raise Refused("nothing is to be reset")
        self.latched = False
        return Change(kind="reset", by=by, detail=reason)

    def set_lot(self, lot: str, *, by: str) -> Change:
        self.check_lot(lot, by=by)
        self._next_lot, self._waiting_lot = None, ""
        held = self.lot_on_hold and lot == self.lot  # saying its name again releases no lot
        self.lot, self.lot_on_hold = lot, held or self.mode is Mode.BYPASS
        return Change(kind="lot", by=by, detail=lot)

    def check_lot(self, lot: str, *, by: str) -> None:
        """Refused when this can be no lot."""
        _check_texts(by, lot)
        if len(lot) > _MAX_LOT or not lot.isprintable():
            raise Refused(f"the lot's name is too long or has unprintable letters (at most {_MAX_LOT})")

    def lot_waits(self, lot: str, *, by: str) -> Change:
        """For its recipe to be loaded. A restart does not forget it."""
        self._waiting_lot = lot
        return Change(kind="lot_waits", by=by, detail=lot)

    def next_lot(self, lot: str, *, by: str) -> Change:
        """It begins together with what is committed with this change: the memory has it, triggers have not yet."""
        self._next_lot, self._waiting_lot = lot, ""
        return Change(kind="lot", by=by, detail=lot)

    def lot_begins(self) -> None:
        """That is durable now. Nothing when another lot was set meanwhile."""
        if self._next_lot is not None:
            self.lot, self.lot_on_hold, self._next_lot = self._next_lot, self.mode is Mode.BYPASS, None

    def set_purpose(self, purpose: Purpose, *, by: str) -> Change:
        _check_texts(by, "")
        self.purpose = purpose
        return Change(kind="purpose", by=by, detail=purpose.value)

    def tick(self, now_ns: int, *, has_recipe: bool) -> Change | None:
        """A bypass that is over goes back to inspecting, or to STOPPED when there is nothing to inspect with."""
        if self.mode is not Mode.BYPASS or now_ns < self.bypass_until_ns:
            return None
        return self._enter(Mode.RUN if has_recipe else Mode.STOPPED, "line", "the bypass's time is over")

    def _bypass(self, by: str, reason: str, minutes: float, now_ns: int) -> Change:
        if not reason.strip():
            raise Refused("a bypass needs a reason", hint="say why parts must pass without inspection")
        if not 0 < minutes <= MAX_BYPASS_MIN:
            raise Refused(f"a bypass of {minutes:g} minutes cannot be", hint=f"1 to {MAX_BYPASS_MIN:g} minutes")
        self.mode, self.lot_on_hold = Mode.BYPASS, True
        self.bypass_until_ns = now_ns + round(minutes * 60 * SECOND)
        return Change(kind="mode", by=by, detail=f"BYPASS {minutes:g} min: {reason}")

    def _enter(self, mode: Mode, by: str, reason: str) -> Change:
        halts = mode in (Mode.STOPPED, Mode.SETUP)
        self.mode, self.bypass_until_ns = mode, 0
        return Change(kind="mode", by=by, detail=f"{mode}: {reason}" if reason else mode.value, halts=halts)


def _check_texts(*texts: str) -> None:
    if any(len(text) > MAX_TEXT or "\0" in text for text in texts):
        raise Refused(f"a text is longer than {MAX_TEXT} letters", hint="shorten it")
