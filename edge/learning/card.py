"""CARD.md of a taught package: what it is, what it was taught with, and what it can and cannot promise."""

from __future__ import annotations

from collections.abc import Mapping

from edge.domain.model import Golden, Input, Manifest
from edge.learning.teach import Taught
from edge.learning.threshold import attainable

_CLOSEST = 5


def card(taught: Taught, manifest: Manifest, golden: tuple[Golden, ...], told: Mapping[str, str]) -> str:
    """told: more rows of its table, for people."""
    made, limits = manifest.preprocess, taught.limits
    scores = sorted(one.score for one in taught.scored)
    height, width = taught.backbone.map_size(made)
    highest = "\n".join(
        f"- {one.name}: {one.score:.3f}" for one in sorted(taught.scored, key=lambda one: -one.score)[:_CLOSEST]
    )
    held = "\n".join(f"| {one.file} | {one.score:.4f} | {one.label} |" for one in golden)
    choices = "".join(f"\n| {name} | {words} |" for name, words in _choices(taught).items())
    more = "".join(f"\n| {what} | {words} |" for what, words in told.items())
    return f"""# {manifest.reference}

Finds what is unlike the good parts it was taught with. It names no defect: it says how far the most unusual place is
from what is usual there, in units of the usual deviation (about 1 to 2 for a good part).

| | |
|---|---|
| method | {taught.learnt.method} |
| features | {taught.backbone.name} ({taught.backbone.licence}), SHA-256 {taught.backbone.digest[:16]}... |
| input | {_input(manifest)}; map {width} x {height} cells |{choices}
| taught with | {len(taught.scored)} pictures of good parts |
| good scores, each left out in turn | median {scores[len(scores) // 2]:.3f}, highest {scores[-1]:.3f} |
| UNSURE from, NG from | {manifest.unsure_from:.4f}, {manifest.ng_from:.4f} |{more}

The limits are meant to make {limits.rate:.2%} of good parts UNSURE or NG; {limits.used} good parts cannot show a
share below {attainable(limits.used):.2%}. Nothing is promised about defects that were never seen: known ones must be
tried, and challenge parts sent down the line.

Highest scores among the good pictures; if one of them shows a defect, remove it and teach again:

{highest}

Golden parts, which the model must reproduce before it becomes active:

| picture | score | verdict |
|---|---|---|
{held}
"""


def _input(manifest: Manifest) -> str:
    made = manifest.preprocess
    size = f"{made.width} x {made.height} px"
    if manifest.input is Input.IMAGE:
        return size
    return f"a picture of any size, `region` uint8 (1, height, width, 3) BGR, which the graph brings to {size}"


def _choices(taught: Taught) -> dict[str, str]:
    if not taught.plan.cut_out:
        return taught.learnt.choices
    many = "of many sizes: each was taken for one part and stretched to the input"
    return {"pictures": many, **taught.learnt.choices}
