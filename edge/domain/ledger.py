"""What the ledger holds, as values. `line` makes them, `store.ledger` keeps them, everybody else reads them.

Times are CLOCK_MONOTONIC ns of the boot that the epoch names; `wall` is ISO 8601 UTC, for people only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.part import Mode, PartId, Purpose
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import GateOutcome, Reason, Verdict


class TriggerSource(StrEnum):
    SENSOR = "sensor"
    BARRIER = "barrier"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRecord:
    """A part was accepted; it is open until its PartRecord follows. Everything in force is stamped here."""

    part: PartId
    trigger_ns: int
    error_ns: int
    source: TriggerSource
    mode: Mode
    purpose: Purpose
    lot: str
    recipe: RecipeRef | None
    models: tuple[str, ...]
    travel: float
    wall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """A part's one final record. decided_ns: when the verdict was complete; cutoff_ns: when it had to be.

    Whether it was acted on is in the part's GateRecord.
    """

    part: PartId
    verdict: Verdict
    reasons: tuple[Reason, ...]
    results: tuple[Result, ...]
    decided_ns: int
    cutoff_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """What the gate did with a part, and when it was past. Written after the part's record."""

    part: PartId
    outcome: GateOutcome
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRecord:
    """From `from_ns` to `to_ns` triggers could not be accepted; everything that came was rejected."""

    epoch: int
    from_ns: int
    to_ns: int
    why: str
    wall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """Something that is not a part: mode, recipe, lot, permit, latch, alarm. `by`: person or process."""

    epoch: int
    at_ns: int
    wall: str
    kind: str
    by: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMemory:
    """What `line` must know again after a restart. The ledger is the authority.

    recipe_ready: JSON of the RecipeReady last committed ("" for none). bypass is never restored. coming_lot: waits for
    its recipe ("" for none).
    """

    mode: Mode
    latched: bool
    lot: str
    lot_on_hold: bool
    purpose: Purpose
    recipe_ready: str
    coming_lot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """A mark that `line` accepted triggers up to now: an outage after a kill starts here."""

    at_ns: int


Entry = TriggerRecord | PartRecord | GateRecord | OutageRecord | EventRecord | LineMemory | Alive


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part as read back: its final record, what was stamped at the trigger, and the gate's outcome if known."""

    row: int
    trigger: TriggerRecord
    record: PartRecord
    gate: GateRecord | None
