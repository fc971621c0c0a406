"""Parts between their trigger and their record: which views are still missing, and what may count as a judgement.

A result counts only when it is of this part, by the recipe and models stamped into its trigger, and, unless it says
NOT_INSPECTED, from a frame exposed in the part's own window and in no neighbour's. Everything else is refused and
counted. Pure.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace

import msgspec

from edge.bus.wire import Expect
from edge.domain.ledger import PartRecord, TriggerRecord
from edge.domain.part import PartId
from edge.domain.result import Result
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.line.gate import Window

MAX_RESULTS_BYTES = 28_000  # of a part: its record holds their reasons twice and must fit into one message
_NEIGHBOURS = 64  # windows remembered: a part's overlaps those of the few just before it
_OF_THE_LINE = (ReasonCode.STOPPED, ReasonCode.SETUP, ReasonCode.BYPASS)  # one of them lets a part pass
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewWindow:
    """The frame of this view must have been exposed from `not_before_ns` to `not_after_ns`, its error included."""

    not_before_ns: int
    not_after_ns: int

    def holds(self, result: Result, view: str) -> bool:
        frame = result.frame
        if frame is None or frame.camera != view:
            return False
        first_ns, last_ns = frame.exposed_at_ns - frame.error_ns, frame.exposed_at_ns + frame.error_ns
        return self.not_before_ns <= first_ns and last_ns <= self.not_after_ns

    def without(self, other: ViewWindow) -> ViewWindow:
        """What is left, maybe nothing: a frame exposed where both overlap could be of either part."""
        if other.not_after_ns < self.not_before_ns or self.not_after_ns < other.not_before_ns:
            return self
        if other.not_before_ns < self.not_before_ns:
            return replace(self, not_before_ns=other.not_after_ns + 1)
        return replace(self, not_after_ns=other.not_before_ns - 1)


@dataclass(slots=True, kw_only=True)
class OpenPart:
    """A part on its way. gate: where it meets the gate, in belt units.

    held: what it is recorded as, whatever its views say: it is photographed for teaching, and not inspected.
    """

    trigger: TriggerRecord
    gate: Window
    views: dict[str, ViewWindow]
    results: dict[str, Result] = field(default_factory=dict)
    said_ns: int = 0
    held: ReasonCode | None = None

    @property
    def id(self) -> PartId:
        return self.trigger.part

    def cut(self, view: str, taken: ViewWindow) -> None:
        """Another part's frame may be exposed in `taken`; when that changes anything, it is to be said again."""
        left = self.views[view].without(taken)
        if left != self.views[view]:
            self.views[view], self.said_ns = left, 0

    def expects(self, cutoff_ns: int) -> list[Expect]:
        """For inference, of the views that have no result yet."""
        assert self.trigger.recipe is not None
        return [
            Expect(
                part=self.id,
                view=view,
                recipe=self.trigger.recipe,
                not_before_ns=window.not_before_ns,
                not_after_ns=window.not_after_ns,
                cutoff_ns=cutoff_ns,
            )
            for view, window in self.views.items()
            if view not in self.results
        ]

    def missing(self) -> tuple[Reason, ...]:
        """Why it is NOT_INSPECTED if nothing more comes."""
        if self.held is not None:
            return (Reason(code=self.held),)
        if not self.results:
            return (Reason(code=ReasonCode.NO_VERDICT),)
        return tuple(Reason(code=ReasonCode.VIEW, where=view) for view in self.views if view not in self.results)

    def record(self, verdict: Verdict, reasons: tuple[Reason, ...], *, now_ns: int, cutoff_ns: int) -> PartRecord:
        return PartRecord(
            part=self.id,
            verdict=verdict,
            reasons=reasons,
            results=tuple(self.results.values()),
            decided_ns=now_ns,
            cutoff_ns=cutoff_ns,
        )


class OpenParts:
    """By id, in the order of their triggers. `refused` counts results that did not count, by why."""

    def __init__(self) -> None:
        self._parts: dict[PartId, OpenPart] = {}
        self._recent: deque[tuple[str, ViewWindow]] = deque(maxlen=_NEIGHBOURS)
        self.refused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, part: PartId) -> bool:
        return part in self._parts

    def all(self) -> list[OpenPart]:
        return list(self._parts.values())

    def keep_apart(self, part: OpenPart, *, exact: str = "", rejected: bool = False) -> None:
        """Of each new part, before `add`: a frame that could be of two parts is nobody's, else a lost frame would let
        a part pass by the picture of the next one.

        exact: the view whose frame was named by the crossing itself. rejected: this part never passes, so one that
        goes through the gate with it need not lose its window to it.
        """
        for view, window in [(view, window) for view, window in part.views.items() if view != exact]:
            for other in self._parts.values():
                together = part.gate.start < other.gate.end and other.gate.start < part.gate.end
                if view in other.views and not (rejected and together):
                    other.cut(view, window)
            for seen, before in self._recent:
                if seen == view:
                    part.cut(view, before)
            self._recent.append((view, window))

    def add(self, part: OpenPart) -> None:
        self._parts[part.id] = part

    def take(self, part: PartId) -> OpenPart | None:
        """Remove it, to be recorded."""
        return self._parts.pop(part, None)

    def judge(self, result: Result) -> OpenPart | None:
        """The part when it is decided now: its last view is OK, or this one is not (a held part waits for all). It
        stays open until `take`."""
        part = self._parts.get(result.part)
        if part is None:
            self.refused["late"] += 1
            return None
        why = _refusal(part, result)
        if why:
            self.refused[why] += 1
            return None
        part.results[result.view] = result
        decides = result.verdict is not Verdict.OK and part.held is None
        if decides or len(part.results) == len(part.views):
            return part
        return None


def _refusal(part: OpenPart, result: Result) -> str:
    """Why this result does not count; empty: it does."""
    window = part.views.get(result.view)
    if window is None or result.view in part.results:
        return "view"
    if result.recipe != part.trigger.recipe:
        return "recipe"
    if result.verdict is Verdict.NOT_INSPECTED:
        odd = not result.reasons or any(reason.code in _OF_THE_LINE for reason in result.reasons)
        return "reason" if odd else _too_large(part, result)
    if not _same_models(part, result):
        return "models"
    if not window.holds(result, result.view):
        return "frame"
    if result.verdict is Verdict.OK and not _agrees(result):
        return "contradiction"
    return _too_large(part, result)


def _agrees(ok: Result) -> bool:
    """An OK has scores, all of them below their limits (a NaN is not), and no reasons."""
    below = all(score.score < score.unsure_from for score in ok.scores)
    return bool(ok.scores) and below and not ok.reasons


def _too_large(part: OpenPart, result: Result) -> str:
    size = len(_ENCODER.encode((*part.results.values(), result)))
    return "size" if size > MAX_RESULTS_BYTES else ""


def _same_models(part: OpenPart, result: Result) -> bool:
    """The trigger names the models of all views in a row; the recipe's digest says which belong to which check."""
    if len(part.views) == 1:
        return result.models == part.trigger.models
    return bool(result.models) and set(result.models) <= set(part.trigger.models)


def verdict_of(part: OpenPart) -> tuple[Verdict, tuple[Reason, ...]]:
    """Of a decided part: the first view that is not OK decides."""
    if part.held is not None:
        return Verdict.NOT_INSPECTED, (Reason(code=part.held),)
    for result in part.results.values():
        if result.verdict is not Verdict.OK:
            return result.verdict, result.reasons
    return Verdict.OK, ()
