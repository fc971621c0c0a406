"""A detector that was taught again as the next version of its package: whole or not at all, the old one stays."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.domain.recipe import Recipe, View
from edge.learning.again import Learnt
from edge.learning.correct import Bounds
from edge.learning.corrected import NextVersion, Wish, write_version
from edge.learning.memory_file import Correction, TaughtMemory
from edge.learning.package import write_taught
from edge.learning.stale import Difference
from edge.learning.teach import Taught
from edge.learning.teach_record import TeachRecord
from edge.store.packages import Package

_MOST_DIFFERENCES, _MOST_WORDS = 32, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What was taught again. in_use: its limits in the recipe."""

    package: Package
    memory: TaughtMemory
    in_use: Bounds


def write_retaught(
    parent: Parent, taught: Taught, learnt: Learnt, record: TeachRecord, why: Sequence[Difference], wish: Wish,
    version: int, folder: Path,
) -> Package:  # fmt: skip
    """Write the package `folder`, which must not be there yet. why: what has changed, empty when nothing has."""
    name, past = parent.package.manifest.name, parent.memory
    step = _step(parent, learnt, why, wish, version)
    memory = replace(learnt.memory, as_taught=past.as_taught, corrections=(*past.corrections, step))
    with tempfile.TemporaryDirectory(prefix="edge-reteach-") as work:
        base = write_taught(taught, Path(work) / "package", name=name, version=version, record=record)
        manifest = replace(
            base.manifest,
            unsure_from=learnt.bounds.unsure_from,
            ng_from=learnt.bounds.ng_from,
            training={
                **(base.manifest.training or {}),
                "bank": len(memory.fit.entries),
                "vetoes": len(memory.vetoes),
                "corrections": len(memory.corrections),
                "taught_again_from": step.parent,
                "taught_again_by": wish.by,
            },
        )
        pictures = zip(memory.known, learnt.parts, strict=True)
        new = NextVersion(
            manifest=manifest,
            memory=memory,
            model=learnt.model,
            pictures={one.file: part.picture for one, part in pictures},
            defects=[one.file for one in memory.known if one.defect and not one.limit],
        )
        return write_version(base, new, folder)


def retaught_recipe(recipe: Recipe, view: View, check: str, new: Package, wish: Wish) -> Recipe:
    """The recipe's next version. view: in place of the recipe's view of that camera. check: of it, by name, which gets
    the new model and its limits."""
    made = new.manifest
    checks = tuple(
        replace(
            one, model=made.reference, model_digest=new.model_digest, unsure_from=made.unsure_from, ng_from=made.ng_from
        )
        if one.name == check
        else one
        for one in view.checks
    )
    now = replace(view, checks=checks)
    return replace(
        recipe,
        version=recipe.version + 1,
        views=tuple(now if one.camera == view.camera else one for one in recipe.views),
        author=wish.by,
        reason=wish.reason,
        created_at=wish.made_at,
    )


def _step(parent: Parent, learnt: Learnt, why: Sequence[Difference], wish: Wish, version: int) -> Correction:
    package, in_use = parent.package, parent.in_use
    words = tuple(one.words()[:_MOST_WORDS] for one in why[:_MOST_DIFFERENCES])
    return Correction(
        version=version,
        parent=package.manifest.reference,
        parent_digest=package.digest,
        by=wish.by,
        reason=wish.reason,
        made_at=wish.made_at,
        good=(),
        defects=(),
        entries_added=0,
        vetoes_added=0,
        limits_before=(in_use.unsure_from, in_use.ng_from),
        limits_after=(learnt.bounds.unsure_from, learnt.bounds.ng_from),
        accepted=wish.accepted,
        retaught=words or ("nothing: a person asked for it",),
    )
