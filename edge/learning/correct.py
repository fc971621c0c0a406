"""What a person says of single parts, learnt without the training run: this one was good, that one is defective.

Of a good part the bank remembers the patches that stuck out, and no more. Of a defective part a few patches become
exemplars (`edge.learning.veto`): of the marked place, or of the oddest one when nobody marked any. Only where that
place is like good parts do the limits go down instead, as far as the good parts allow.

Limits never go up here: stopped parts are the highest scores by selection (see `edge.learning.reestimate`). And
whether what was known before still holds is for `edge.learning.replay` to say, before anything is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.geometry import Rect
from edge.domain.model import Preprocess
from edge.errors import ModelError, Refused
from edge.inference.preprocess import Preprocessor
from edge.inference.rectify import Pixels
from edge.inference.session import SessionOptions
from edge.learning import bank, bank_graph, veto
from edge.learning.backbone import Backbone, Extractor, Features, load_backbone
from edge.learning.bank import Array, BankFit
from edge.learning.memory_file import MOST_VETOES, TaughtMemory
from edge.learning.padim import FeatureStore
from edge.learning.veto import Vetoes

MOST_NEW = 128  # patches of one good part, and places in which it may be unlike the others
MOST_ENTRIES = 2 * bank.ENTRIES
MOST_EXEMPLARS = 8  # of one defective part
_MARKED = 0.25  # of a cell: with so much of it in the marked place it belongs to it
_BELOW = 0.998  # of a defect's score: twice the tolerance between devices
_MOST_STOPPED = 0.05  # of the taught good parts, for a limit that goes down
_NEVER = 0.9  # of the UNSURE limit: nothing of a part that is good comes nearer to it than this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedPart:
    """A part and what a person says of it. picture: (h, w, 3) uint8 BGR at the model's size (`SampleCutter.cut`).

    sha256: of the picture that was given. marked (h, w) uint8: how much of each px lies in the marked place; None:
    nobody marked one. place: the same in px of the picture that was given. limit: nothing is to be learnt from it.
    """

    name: str
    picture: Pixels
    sha256: str
    defect: bool
    marked: NDArray[np.uint8] | None = None
    place: Rect | None = None
    limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits in use: UNSURE and NG from these scores on."""

    unsure_from: float
    ng_from: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one part has changed. place: (across, down) of the oddest exemplar, as shares of the part's picture.

    marked: by a person.
    """

    name: str
    defect: bool
    score_before: float
    score_after: float
    entries: int = 0
    vetoes: int = 0
    place: tuple[float, float] | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corrected:
    """memory: with the new patches, not yet with parts and provenance. model: the bytes of model.onnx.

    lowered_for: the defect for which the limits went down, stopping `stopped` of the taught good parts; "" for none.
    withdrawn: exemplars of earlier defects that are like a part now called good.
    """

    memory: TaughtMemory
    model: bytes
    bounds_before: Bounds
    bounds: Bounds
    effects: tuple[Effect, ...]
    lowered_for: str
    stopped: int
    withdrawn: int


class Sight:
    """Looks at parts as the taught model does. One thread. ModelError when the backbone is not the one it was."""

    def __init__(self, memory: TaughtMemory, preprocess: Preprocess, backbone: Backbone) -> None:
        self._memory, self._preprocess, self._backbone = memory, preprocess, backbone
        self._extractor = Extractor(backbone, SessionOptions())
        self._preprocessor = Preprocessor(preprocess)

    def features(self, picture: Pixels) -> Features:
        """Of a picture at the model's size."""
        tensor = self._preprocessor.tensor(picture)
        if self._memory.part:
            tensor = self._memory.part.apply(tensor, self._preprocess)
        return self._extractor.features(tensor)

    def patches(self, picture: Pixels) -> Array:
        """(h * w, D) of a picture at the model's size."""
        return self.patches_of(self.features(picture))

    def patches_of(self, features: Features) -> Array:
        space = self._memory.fit.space
        store = FeatureStore(self._backbone.taps, space.plans)
        store.add(features)
        return space.patches(store.row(0))

    def marked_cells(self, marked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Cells of the map that lie in the marked place; of a small one those that hold most of it."""
        made = self._preprocess
        to_input = self._preprocessor.to_input(marked.shape[1], marked.shape[0])
        whole = cv2.warpAffine(marked, to_input, (made.width, made.height))
        height, width = self._memory.fit.space.map_size
        share = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).ravel() / 255.0
        return np.flatnonzero((share > 0) & (share >= min(_MARKED, float(share.max()) / 2)))


def backbone_of(memory: TaughtMemory) -> Backbone:
    """The installed one. ModelError when it is another than the model was taught with."""
    backbone = load_backbone(memory.backbone)
    if backbone.digest != memory.backbone_sha256:
        raise ModelError(
            f"the installed {backbone.name} is not the one that the model was taught with", hint="teach the model again"
        )
    return backbone


def score_map(memory: TaughtMemory, patches: Array) -> Array:
    """(h, w) float32, as the model's own graph gives it."""
    return np.asarray(
        bank.anomaly_map(memory.fit, patches) + veto.veto_map(memory.vetoes, memory.fit, patches), np.float32
    )


def correct(
    memory: TaughtMemory, parts: Sequence[JudgedPart], bounds: Bounds, preprocess: Preprocess, backbone: Backbone
) -> Corrected:  # fmt: skip
    """bounds: of the recipe, or of the package. Refused when a part cannot be learnt; nothing is half learnt then.

    parts: without limit samples.
    """
    sight = Sight(memory, preprocess, backbone)
    seen = [sight.patches(part.picture) for part in parts]
    before = [float(score_map(memory, patches).max()) for patches in seen]
    learner = _Learner(memory, bounds)
    added = [0] * len(parts)
    places: list[tuple[float, float] | None] = [None] * len(parts)
    for row, part in enumerate(parts):
        if not part.defect:
            added[row] = learner.remember(part.name, seen[row])
    withdrawn = learner.withdraw()
    for row, part in enumerate(parts):
        if part.defect:
            cells = None if part.marked is None else sight.marked_cells(part.marked)
            added[row], places[row] = learner.forbid(part.name, seen[row], cells, len(memory.known) + row)
    lowered_for = learner.lower([(part.name, seen[row]) for row, part in enumerate(parts) if part.defect])
    learnt = learner.learnt()
    effects = [
        Effect(
            name=part.name,
            defect=part.defect,
            score_before=before[row],
            score_after=float(score_map(learnt, seen[row]).max()),
            entries=0 if part.defect else added[row],
            vetoes=added[row] if part.defect else 0,
            place=places[row],
            marked=part.marked is not None,
        )
        for row, part in enumerate(parts)
    ]
    return Corrected(
        memory=learnt,
        model=bank_graph.build_model(backbone, preprocess, learnt.fit, learnt.part, learnt.vetoes, int8=learnt.int8),
        bounds_before=bounds,
        bounds=learner.bounds,
        effects=tuple(effects),
        lowered_for=lowered_for,
        stopped=_stopped(memory.scores, learner.bounds.unsure_from),
        withdrawn=withdrawn,
    )


class _Learner:
    """The memory while it changes."""

    def __init__(self, memory: TaughtMemory, bounds: Bounds) -> None:
        self._memory, self.bounds = memory, bounds
        self._fit, self._vetoes = memory.fit, memory.vetoes
        self._good: list[Array] = []

    def learnt(self) -> TaughtMemory:
        settled = veto.settled(self._vetoes, self._fit, self.bounds.ng_from)
        return replace(self._memory, fit=self._fit, vetoes=settled)

    def remember(self, name: str, patches: Array) -> int:
        """A good part: how many of its patches are remembered."""
        self._good.append(_inside(self._fit, patches))
        usual_part = min(float(np.median(self._memory.scores)), _NEVER * self.bounds.unsure_from)
        new, their_usual = _sticking_out(self._fit, patches, usual_part)
        stopped = bank.anomaly_map(self._fit, patches) >= self.bounds.unsure_from
        if max(len(new), int(stopped.sum())) > MOST_NEW:
            raise Refused(
                f"{name} is unlike the good parts in more than {MOST_NEW} places",
                hint="is it good, and does it lie as the others do? then teach again with it",
            )
        if len(self._fit.entries) + len(new) > MOST_ENTRIES:
            raise Refused("the model has learnt all that it can hold", hint="teach it again with the newer parts")
        self._fit = replace(
            self._fit,
            entries=np.vstack([self._fit.entries, new]),
            usual=np.concatenate([self._fit.usual, their_usual]),
        )
        return len(new)

    def withdraw(self) -> int:
        """Exemplars that are like good parts by now go; how many they are."""
        if not self._vetoes or not self._good:
            return 0
        settled = veto.settled(self._vetoes, self._fit, self.bounds.ng_from)
        near = [bank.squared_distances(patches, settled.patches).min(axis=0) for patches in self._good]
        kept = veto.stands_out(settled, self._fit)
        kept &= np.min(near, axis=0) > settled.reach
        self._vetoes = Vetoes(
            patches=self._vetoes.patches[kept],
            reach=self._vetoes.reach[kept],
            height=self._vetoes.height,
            parts=tuple(part for part, keep in zip(self._vetoes.parts, kept, strict=True) if keep),
            marked=tuple(one for one, keep in zip(self._vetoes.marked, kept, strict=True) if keep),
        )
        return int((~kept).sum())

    def forbid(
        self, name: str, patches: Array, marked: NDArray[np.int64] | None, part: int
    ) -> tuple[int, tuple[float, float] | None]:  # fmt: skip
        """A defective part: how many exemplars it gave, and where. part: its number among the known ones."""
        odd = veto.oddness(self._fit, patches)
        if self._fit.mask is not None:
            odd = odd * self._fit.mask.ravel()
        cells = _around(bank.anomaly_map(self._fit, patches)) if marked is None else marked
        if not len(cells):
            raise Refused(f"the marked place of {name} is not on the part", hint="mark it in px of the picture given")
        chosen = cells[odd[cells] >= veto.LEAST_ODD[marked is not None]]
        chosen = chosen[np.argsort(-odd[chosen], kind="stable")][:MOST_EXEMPLARS]
        if not len(chosen):
            return 0, None
        if len(self._vetoes) + len(chosen) > MOST_VETOES:
            raise Refused(f"the model knows {len(self._vetoes)} exemplars of defects already", hint="teach it again")
        exemplars, by_person = patches[chosen], [marked is not None] * len(chosen)
        self._vetoes = Vetoes(
            patches=np.vstack([self._vetoes.patches, exemplars]),
            reach=np.concatenate([self._vetoes.reach, veto.reaches(self._fit, exemplars, by_person)]),
            height=self._vetoes.height,
            parts=(*self._vetoes.parts, *[part] * len(chosen)),
            marked=(*self._vetoes.marked, *by_person),
        )
        height, width = self._fit.space.map_size
        down, across = divmod(int(chosen[0]), width)
        return len(chosen), (round((across + 0.5) / width, 4), round((down + 0.5) / height, 4))

    def lower(self, defects: Sequence[tuple[str, Array]]) -> str:
        """Bring the limits below what no exemplar could be found of; for whose sake."""
        learnt = self.learnt()
        scores = [(float(score_map(learnt, patches).max()), name) for name, patches in defects]
        score, name = min(scores, default=(self.bounds.unsure_from, ""))
        if score >= self.bounds.unsure_from:
            return ""
        limit = _BELOW * score
        stopped = _stopped(self._memory.scores, limit)
        if stopped > _MOST_STOPPED * len(self._memory.scores):
            raise Refused(
                f"{name} looks like the good parts: to stop it, {stopped} of the {len(self._memory.scores)} good parts "
                "of the teaching would be stopped too",
                hint="mark the defect's place if it has none; else it must show better: more light, or from nearer",
            )
        band = self.bounds.ng_from / self.bounds.unsure_from
        self.bounds = Bounds(unsure_from=limit, ng_from=limit * band)
        return name


def _inside(fit: BankFit, patches: Array) -> Array:
    return patches if fit.mask is None else patches[fit.mask.ravel() > 0]


def _sticking_out(fit: BankFit, patches: Array, usual_part: float) -> tuple[Array, Array]:
    """The patches, hottest place of the map first, after which none of it is hotter than usual_part, and what is usual
    for each. The map decides what a part scores, so a patch that is odd among usual ones is left alone.

    That much of a new place nobody knows: the usual distance of its nearest entry, not above the middle of all.
    """
    squared = bank.squared_distances(patches, fit.entries)
    usual = np.minimum(fit.usual[(squared / fit.usual).argmin(axis=1)], np.float32(np.median(fit.usual)))
    left, plain = bank.least_of(fit, squared)
    evenly = fit.usual[0] / fit.even[0]
    picks: list[int] = []
    while len(picks) <= MOST_NEW:
        hot = bank.heat(fit, left, plain)
        if float(hot.max()) <= usual_part:
            break
        around = _around(hot)
        pick = int(around[left[around].argmax()])
        picks.append(pick)
        beside = bank.squared_distances(patches, patches[[pick]])[:, 0]
        left, plain = np.minimum(left, beside / usual[pick]), np.minimum(plain, beside / evenly)
    return patches[picks], np.asarray(usual[picks], np.float32)


def _around(heat: Array) -> NDArray[np.int64]:
    """The hottest cell of the map and those around it."""
    down, across = np.unravel_index(int(heat.argmax()), heat.shape)
    near = np.zeros(heat.shape, np.bool_)
    near[max(0, down - 1) : down + 2, max(0, across - 1) : across + 2] = True
    return np.flatnonzero(near)


def _stopped(scores: Sequence[float], limit: float) -> int:
    return sum(score >= limit for score in scores)
