"""Teaching: good parts in, a detector out. The same code for the demo, `edge teach` and the panel's jobs.

`show` each good picture, then `learn`. Nothing is written here: `edge.learning.package` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edge.domain.geometry import Rect
from edge.domain.model import Preprocess
from edge.domain.recipe import Locate, LocateKind, PictureLimits
from edge.errors import UsageError
from edge.inference.preprocess import Preprocessor
from edge.inference.rectify import Pixels
from edge.inference.session import SessionOptions
from edge.learning import detector, threshold
from edge.learning.backbone import Backbone, Extractor
from edge.learning.detector import Learnt, Lesson, Method
from edge.learning.padim import FeatureStore
from edge.learning.part_mask import PartMask, find_mask
from edge.learning.picture_limits import PatchWatch
from edge.learning.samples import Sample, SampleCutter
from edge.learning.threshold import Limits
from edge.learning.views import MOST_PICTURES, views

Progress = Callable[[int, int], None]
"""(steps done, steps in all)"""

MIN_PICTURES = 3
_LONE_UP_TO = 12  # pictures: each is left out alone; beyond, blocks of neighbours
_BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is taught. patch: background that no part covers, in frame px, when the pictures show any.

    rate: share of good parts that may be UNSURE or NG, if there are enough pictures to promise it.
    trusted: every picture is known to be of a good part, so that none is left out of the limits as a suspect.
    cut_out: each picture, of whatever size, is one part; `locate` is for the recipe only.
    confirmed: names of pictures of which a person says that they are good, though they are unlike the others.
    int8: the graph's bank is in whole numbers (of the method BANK).
    """

    locate: Locate
    preprocess: Preprocess
    region: Rect | None = None
    patch: Rect | None = None
    rate: float = threshold.DEFAULT_RATE
    trusted: bool = False
    method: Method = Method.BANK
    cut_out: bool = False
    confirmed: tuple[str, ...] = ()
    int8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A taught picture and its score by a model that was taught without it."""

    name: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """learnt: model.onnx and how it came about. scored: in the order the pictures came. suspects: the names of pictures
    so unlike the others that a person should look at them. frame_size: (width, height)."""

    plan: Plan
    backbone: Backbone
    learnt: Learnt
    limits: Limits
    picture: PictureLimits | None
    scored: tuple[Scored, ...]
    suspects: tuple[str, ...]
    samples: tuple[Sample, ...]
    frame_size: tuple[int, int]

    @property
    def model(self) -> bytes:
        """Of model.onnx."""
        return self.learnt.model


class Teacher:
    """One thread. Memory: about 1.2 MB for each picture of 256 x 256 while learning, and four times that for each time
    the side doubles; a handful of pictures counts five times (`edge.learning.views`)."""

    def __init__(self, plan: Plan, backbone: Backbone, options: SessionOptions | None = None) -> None:
        self._plan, self._backbone = plan, backbone
        self._extractor = Extractor(backbone, options)
        self._preprocessor = Preprocessor(plan.preprocess)
        self._cutter = SampleCutter(plan.locate, plan.preprocess, plan.region, cut_out=plan.cut_out)
        self._patch = PatchWatch(plan.patch) if plan.patch else None
        self._samples: list[Sample] = []

    def show(self, frame: Pixels, name: str) -> None:
        """One good picture. SourceError or UsageError, naming it, when it cannot be used; then it is left out."""
        sample = self._cutter.cut(frame, name)
        if self._patch:
            self._patch.show(frame)
        self._samples.append(sample)

    def learn(self, progress: Progress | None = None) -> Taught:
        """UsageError when fewer than three pictures were shown."""
        count = len(self._samples)
        if count < MIN_PICTURES:
            raise UsageError(
                f"{count} good pictures are too few to teach with", hint=f"give at least {MIN_PICTURES}, better 30"
            )
        folds = blocks(count)
        steps = _Steps(count + len(folds) + 1, progress)
        mask = self._mask()
        # Beside a masked part nothing may move into sight, and Gaussians are for one place each.
        moved = self._plan.method is Method.BANK and mask is None and count <= MOST_PICTURES
        lesson = Lesson(
            backbone=self._backbone,
            preprocess=self._plan.preprocess,
            store=self._look(mask, moved, steps),
            views=len(views(self._samples[0].picture)) if moved else 1,
            folds=folds,
            mask=mask,
            int8=self._plan.int8,
        )
        learnt = detector.learn(self._plan.method, lesson, steps.done)
        scores = learnt.scores
        steps.done()
        assert self._cutter.frame_size is not None
        return Taught(
            plan=self._plan,
            backbone=self._backbone,
            learnt=learnt,
            limits=self._limits(scores),
            picture=self._patch.limits() if self._patch else None,
            scored=tuple(
                Scored(name=sample.name, score=score) for sample, score in zip(self._samples, scores, strict=True)
            ),
            suspects=tuple(self._samples[row].name for row in self._suspects(scores)),
            samples=tuple(self._samples),
            frame_size=self._cutter.frame_size,
        )

    def _limits(self, scores: Sequence[float]) -> Limits:
        # The demo's packages are made with Gaussians and the cautious limits, and stay as they are.
        way = threshold.promised_limits if self._plan.method is Method.BANK else threshold.limits
        if self._plan.confirmed:
            doubted = set(self._suspects(scores))
            sure = [score for row, score in enumerate(scores) if row not in doubted]
            return way(sure, self._plan.rate, trusted=True)
        return way(scores, self._plan.rate, trusted=self._plan.trusted)

    def _suspects(self, scores: Sequence[float]) -> list[int]:
        rows = threshold.suspects(scores)
        return [row for row in rows if self._samples[row].name not in self._plan.confirmed]

    def _mask(self) -> PartMask | None:
        if self._plan.locate.kind is not LocateKind.BLOB:
            return None
        map_size = self._backbone.map_size(self._plan.preprocess)
        return find_mask([sample.picture for sample in self._samples], self._plan.preprocess, map_size)

    def _look(self, mask: PartMask | None, moved: bool, steps: _Steps) -> FeatureStore:
        store = FeatureStore(self._backbone.taps, detector.PLANS[self._plan.method])
        for sample in self._samples:
            for picture in views(sample.picture) if moved else (sample.picture,):
                tensor = self._preprocessor.tensor(picture)
                store.add(self._extractor.features(mask.apply(tensor, self._plan.preprocess) if mask else tensor))
            steps.done()
        return store


class _Steps:
    """Counts what is done and tells whoever wants to know."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def done(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)


def blocks(count: int) -> list[range]:
    """Neighbours are left out together: pictures taken one after the other are more alike than tomorrow's will be."""
    number = count if count <= _LONE_UP_TO else _BLOCKS
    edges = np.linspace(0, count, number + 1).round().astype(int)
    return [range(int(a), int(b)) for a, b in pairwise(edges)]
