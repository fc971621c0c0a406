"""The two ways to learn what is usual, behind one seam: features of good pictures in, a graph and honest scores out.

The memory bank (`edge.learning.bank`) sees more, and is what `edge teach` makes. The Gaussians (`edge.learning.padim`)
are for parts that always lie alike; the shipped demo models are made so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edge.domain.model import Input, Preprocess
from edge.learning import bank, bank_graph, graph, padim, place
from edge.learning.backbone import Backbone
from edge.learning.padim import FeatureStore
from edge.learning.part_mask import PartMask

Fact = str | int | float | bool


class Method(StrEnum):
    BANK = "bank"
    GAUSSIANS = "gaussians"


PLANS = {Method.BANK: bank.PLANS, Method.GAUSSIANS: padim.PLANS}
"""How the store keeps each tap's features."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """store: features of the good pictures, kept as the method's plans say; of each picture `views` rows, the first of
    the picture itself. folds: pictures that are left out together, in the store's order. mask: what of the picture the
    network saw. int8: see `edge.learning.bank_graph`."""

    backbone: Backbone
    preprocess: Preprocess
    store: FeatureStore
    folds: Sequence[range]
    mask: PartMask | None
    views: int = 1
    int8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """model: the bytes of model.onnx. scores: of each picture, by what the pictures outside its fold have shown.

    takes: what model.onnx takes. method, choices: for the card, in words. facts: for the manifest. bank, mask: what a
    correction starts from.
    """

    model: bytes
    scores: tuple[float, ...]
    method: str
    facts: dict[str, Fact]
    choices: dict[str, str] = field(default_factory=dict)
    bank: bank.BankFit | None = None
    mask: PartMask | None = None
    takes: Input = Input.IMAGE


def learn(method: Method, lesson: Lesson, done: Callable[[], None]) -> Learnt:
    """done: is told after each fold. UsageError with fewer than two pictures."""
    return _bank(lesson, done) if method is Method.BANK else _gaussians(lesson, done)


def _bank(lesson: Lesson, done: Callable[[], None]) -> Learnt:
    space = bank.find_space(lesson.store)
    cells = lesson.mask.cells if lesson.mask else None
    folds = [range(fold.start * lesson.views, fold.stop * lesson.views) for fold in lesson.folds]
    chosen = place.choose(bank.all_patches(space, lesson.store), space, folds, cells)
    memory = bank.Memory(chosen.space, chosen.patches, folds, cells)
    scores: list[float] = []
    for fold in range(len(folds)):
        scores += [float(heat.max()) for heat in memory.held_out(fold)[:: lesson.views]]
        done()
    fit = memory.fit()
    kept, components = len(fit.entries), space.components
    return Learnt(
        model=bank_graph.build_model(lesson.backbone, lesson.preprocess, fit, lesson.mask, int8=lesson.int8),
        scores=tuple(scores),
        method="PatchCore (Roth et al., 2022): distance to the nearest remembered patch, in units of its usual one",
        facts={
            "method": "PatchCore, calibrated distances",
            "bank": kept,
            "components": components,
            "bank_int8": lesson.int8,
            "level": round(fit.level, 4),
            "place_weight": chosen.space.place_weight,
            "alignment": round(chosen.alignment, 4),
        },
        choices={
            "bank": f"{kept} patches of {chosen.patches[:, :, 0].size}, {components} components each"
            + (" as whole numbers (int8)" if lesson.int8 else ""),
            "position": chosen.words,
        },
        bank=fit,
        mask=lesson.mask,
        takes=Input.REGION,
    )


def _gaussians(lesson: Lesson, done: Callable[[], None]) -> Learnt:
    store, cells = lesson.store, lesson.mask.cells if lesson.mask else None
    scores: list[float] = []
    for fold in lesson.folds:
        fit = padim.fit(store, [row for row in range(len(store)) if row not in fold], cells)
        scores += [float(padim.anomaly_map(fit, store.row(row)).max()) for row in fold]
        done()
    fit = padim.fit(store, mask=cells)
    return Learnt(
        model=graph.build_model(lesson.backbone, lesson.preprocess, fit, lesson.mask),
        scores=tuple(scores),
        method="PaDiM (Defard et al., 2021): a Gaussian for each position, on principal components of the features",
        facts={"method": "PaDiM, principal components, position-wise Gaussians"},
    )
