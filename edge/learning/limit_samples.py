"""Limit samples: borderline parts with a fixed answer, agreed on once, that every later version must give.

They are kept among the known parts and always judged again; nothing is ever learnt from them, or they would prove
nothing. One that a new version judges otherwise refuses it, and cannot be let go on the way: only taking the sample
out by its name, with a reason, does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.errors import UsageError
from edge.learning.correct import Bounds, Corrected
from edge.learning.memory_file import TaughtMemory


def samples_of(memory: TaughtMemory) -> tuple[str, ...]:
    return tuple(one.name for one in memory.known if one.limit)


def without(memory: TaughtMemory, names: Sequence[str]) -> TaughtMemory:
    """UsageError when there is no limit sample of such a name."""
    for name in names:
        if name not in samples_of(memory):
            known = ", ".join(samples_of(memory)[:10]) or "none"
            raise UsageError(f"there is no limit sample {name}", hint=f"known: {known}")
    stay = [row for row, one in enumerate(memory.known) if not (one.limit and one.name in names)]
    place = {before: now for now, before in enumerate(stay)}
    parts = tuple(place[part] for part in memory.vetoes.parts)  # exemplars are never of limit samples
    return replace(
        memory, known=tuple(memory.known[row] for row in stay), vetoes=replace(memory.vetoes, parts=parts)
    )  # fmt: skip


def unchanged(memory: TaughtMemory, bounds: Bounds, model: bytes) -> Corrected:
    """A correction from which nothing is learnt: only limit samples come or go."""
    return Corrected(
        memory=memory,
        model=model,
        bounds_before=bounds,
        bounds=bounds,
        effects=(),
        lowered_for="",
        stopped=sum(score >= bounds.unsure_from for score in memory.scores),
        withdrawn=0,
    )
