"""How a challenge stands: parts that are known to be bad, sent down the line, must all be caught. Pure.

A part counts when it was judged NG or UNSURE and the gate rejected it. One that was called OK, or that left by the
good way, fails the challenge at once. One that was not inspected proves nothing and is to be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from edge.domain.ledger import StoredPart
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, Verdict
from edge.errors import StoreError

REQUIRED = 3
MOST_REQUIRED = 50
_CAUGHT = (Verdict.NG, Verdict.UNSURE)
_REJECTED = (GateOutcome.REJECTED, GateOutcome.CONFIRMED)


class Ends(StrEnum):
    NO = "no"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What is kept of a challenge's start. after_row: parts of the ledger above it count. purpose: as it was."""

    required: int
    after_row: int
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """caught: judged NG or UNSURE, and rejected. waiting: judged so, the gate is not past them yet.

    missed: id of the part that was called OK or left by the good way; "" while there is none.
    """

    required: int
    caught: int = 0
    waiting: int = 0
    not_inspected: int = 0
    missed: str = ""

    @property
    def ends(self) -> Ends:
        if self.missed:
            return Ends.FAILED
        return Ends.PASSED if self.caught >= self.required else Ends.NO


_STARTED = TypeAdapter(Started)


def started_text(started: Started) -> str:
    return _STARTED.dump_json(started).decode()


def started_of(text: str) -> Started:
    """StoreError when it is no such text."""
    try:
        return _STARTED.validate_json(text)
    except ValidationError as error:
        raise StoreError("the start of a challenge cannot be read", hint="restore the backup") from error


def progress(started: Started, recipe: str, parts: Iterable[StoredPart]) -> Progress:
    """recipe: NAME@VERSION that is challenged. parts: of the ledger, in any order."""
    mine = [part for part in parts if part.row > started.after_row and _is_challenge(part, recipe)]
    flagged = [part for part in mine if part.record.verdict in _CAUGHT]
    caught = [part for part in flagged if part.gate is not None and part.gate.outcome in _REJECTED]
    passed = [part for part in mine if part.gate is not None and part.gate.outcome is GateOutcome.PASSED]
    missed = sorted(
        (part for part in mine if part.record.verdict is Verdict.OK or part in passed), key=lambda one: one.row
    )
    return Progress(
        required=started.required,
        caught=len(caught),
        waiting=sum(part.gate is None for part in flagged),
        not_inspected=sum(part.record.verdict is Verdict.NOT_INSPECTED for part in mine),
        missed=str(missed[0].record.part) if missed else "",
    )


def _is_challenge(part: StoredPart, recipe: str) -> bool:
    trigger = part.trigger
    fits = trigger.purpose is Purpose.CHALLENGE and trigger.mode is Mode.SETUP
    return fits and trigger.recipe is not None and str(trigger.recipe) == recipe
