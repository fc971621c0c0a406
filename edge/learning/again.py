"""A detector that was taught again: what people have corrected since its first teaching, corrected once more.

In the order in which it happened, since each correction builds on those before. Scores of the new detector are other
scores; so where a person has moved a limit, the new one is moved by the same share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge.learning.backbone import Backbone
from edge.learning.correct import Bounds, JudgedPart, correct
from edge.learning.memory_file import FOLDER, KnownPart, TaughtMemory
from edge.learning.teach import Taught

_SAME = 1e-3  # limits are kept with four decimals

Pair = tuple[float, float]
"""Limits (UNSURE, NG)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """memory: with the known parts, not yet with provenance. model: the bytes of model.onnx. parts: in the order of
    `memory.known`. moved: the shares by which people have moved the limits (UNSURE, NG), all together."""

    memory: TaughtMemory
    model: bytes
    bounds: Bounds
    parts: tuple[JudgedPart, ...]
    moved: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """memory: of the version that is taught again. in_use: its limits in the recipe."""

    memory: TaughtMemory
    in_use: Bounds


def learn_again(
    taught: Taught, fresh: TaughtMemory, past: Past, parts: Mapping[str, JudgedPart], backbone: Backbone
) -> Learnt:
    """taught, fresh: as it was just taught. parts: known ones by the SHA-256 of their raw pictures, cut out anew; what
    is not among them is not known any more. Refused when one cannot be learnt."""
    was = past.memory.as_taught
    learner = _Learner(taught, fresh, backbone)
    for step in past.memory.corrections:
        learner.move(was, step.limits_before)
        known = [one for one in past.memory.known if one.version == step.version and one.sha256 in parts]
        learner.correct(known, [parts[one.sha256] for one in known])
        was = step.limits_after
    learner.move(was, (past.in_use.unsure_from, past.in_use.ng_from))
    return learner.learnt(parts)


class _Learner:
    def __init__(self, taught: Taught, fresh: TaughtMemory, backbone: Backbone) -> None:
        self._preprocess, self._backbone = taught.plan.preprocess, backbone
        self._memory, self._model = fresh, taught.model
        self._bounds = Bounds(unsure_from=taught.limits.unsure_from, ng_from=taught.limits.ng_from)
        self._moved: Pair = (1.0, 1.0)

    def move(self, was: Pair, then: Pair) -> None:
        """A person has moved the limits from `was` to `then`, in the old scores."""
        shares = [_share(before, after) for before, after in zip(was, then, strict=True)]
        unsure = self._bounds.unsure_from * shares[0]
        self._bounds = Bounds(unsure_from=unsure, ng_from=max(unsure, self._bounds.ng_from * shares[1]))
        self._moved = (self._moved[0] * shares[0], self._moved[1] * shares[1])

    def correct(self, known: Sequence[KnownPart], parts: Sequence[JudgedPart]) -> None:
        # Those to be learnt from first: exemplars name their part by its place among the known ones.
        pairs = sorted(zip(known, parts, strict=True), key=lambda pair: pair[0].limit or out_of_sight(pair[1]))
        known = [one for one, _ in pairs]
        seen = [part for one, part in pairs if not (one.limit or out_of_sight(part))]
        if seen:
            made = correct(self._memory, seen, self._bounds, self._preprocess, self._backbone)
            self._memory, self._model, self._bounds = made.memory, made.model, made.bounds
        place = len(self._memory.known)
        files = [f"{FOLDER}/parts/{place + row}.png" for row in range(len(known))]
        new = [replace(one, file=file) for one, file in zip(known, files, strict=True)]
        self._memory = replace(self._memory, known=(*self._memory.known, *new))

    def learnt(self, parts: Mapping[str, JudgedPart]) -> Learnt:
        memory = self._memory
        return Learnt(
            memory=memory,
            model=self._model,
            bounds=Bounds(unsure_from=round(self._bounds.unsure_from, 4), ng_from=round(self._bounds.ng_from, 4)),
            parts=tuple(parts[one.sha256] for one in memory.known),
            moved=self._moved,
        )


def out_of_sight(part: JudgedPart) -> bool:
    """Whether a person marked a place that is not in the model's picture any more: nothing can be learnt of it."""
    return part.marked is not None and not part.marked.any()


def _share(before: float, after: float) -> float:
    """1 when nobody has moved it, or nobody knows."""
    if before <= 0 or after <= 0 or abs(after / before - 1) <= _SAME:
        return 1.0
    return after / before
