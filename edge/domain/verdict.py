"""What is decided about a part, and why, in codes that the panel turns into words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """OK passes. NG is rejected. UNSURE is rejected and sent to QA. NOT_INSPECTED is rejected, with a reason."""

    OK = "OK"
    NG = "NG"
    UNSURE = "UNSURE"
    NOT_INSPECTED = "NOT_INSPECTED"


SEVERITY = {Verdict.OK: 0, Verdict.UNSURE: 1, Verdict.NG: 2, Verdict.NOT_INSPECTED: 3}


class ReasonCode(StrEnum):
    """Every reason a part can have. The words for each, in both languages, live in the panel's catalogue."""

    # the product
    ANOMALY = "anomaly"  # score at or over the NG threshold
    ANOMALY_UNSURE = "anomaly_unsure"  # score in the grey band
    CLASS = "class"  # the classifier names a defect class
    CLASS_UNSURE = "class_unsure"
    # the part's place: never a defect
    NOT_FOUND = "not_found"
    BADLY_PLACED = "badly_placed"
    SEVERAL_FOUND = "several_found"
    # the picture
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    FROZEN = "frozen"
    # the chain
    VIEW = "view"  # a required view is missing at the cut-off
    NO_VERDICT = "no_verdict"  # nothing came from inference before the cut-off
    OVERWRITTEN = "overwritten"  # the frame was reused before it was judged
    MODEL_ERROR = "model_error"
    BAD_FRAME = "bad_frame"  # other size or type than promised
    UNREADABLE = "unreadable"  # a file of recorded media that cannot be decoded
    RECIPE = "recipe"  # the verdict was made by another recipe than the part's
    LINE_RESTART = "line_restart"
    TIME_GAP = "time_gap"
    MIN_GAP = "min_gap"  # edges closer than the minimum gap
    BELT_STOPPED = "belt_stopped"  # in flight without a belt-running input when the belt's state was lost
    STOPPED = "stopped"
    SETUP = "setup"
    BYPASS = "bypass"
    NO_RECIPE = "no_recipe"
    STORE_FULL = "store_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason: `code`, the check or view it comes from (may be empty), the value and the limit it met."""

    code: ReasonCode
    where: str = ""
    value: float = 0.0
    limit: float = 0.0


class GateOutcome(StrEnum):
    """CONFIRMED: rejected, and seen in the bin. COLLATERAL: an OK part lost to a neighbour's reject."""

    PASSED = "passed"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    COLLATERAL = "collateral"


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The verdict of a whole from its pieces: any that is not OK decides; nothing judged is NOT_INSPECTED."""
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.NOT_INSPECTED)
