"""A detector before and after it was taught again, each looking at the same raw frames through its own view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.apps.learning.look_again import Read
from edge.apps.learning.now import Now, Size
from edge.clock import Clock
from edge.domain.recipe import Check, Recipe, View
from edge.domain.result import RecipeRef
from edge.errors import Refused
from edge.inference import golden
from edge.inference.pipeline import RecipeRunner
from edge.inference.rectify import Pixels
from edge.inference.session import Model, SessionOptions
from edge.learning.examine import Examiner, excess, whole_frame, with_recipe
from edge.learning.memory_file import TaughtMemory
from edge.learning.metrics import auroc
from edge.learning.other_size import Scale
from edge.learning.replay import Case, Said
from edge.store.packages import Package


class OneView:
    """Judges whole frames with one check of a recipe, and remembers their scores. Frames of another size of the same
    shape are scaled to the view's."""

    def __init__(self, examiner: Examiner, frame: Size | None) -> None:
        self._examiner, self._frame = examiner, frame
        self._scores: dict[str, float] = {}

    def say(self, case: Case, picture: Pixels) -> Said:
        look = self._examiner.look(self._fitted(picture))
        score = max(look.result.scores, key=excess, default=None)
        if score is not None:
            self._scores[case.name] = score.score
        return Said(verdict=look.result.verdict, score=None if score is None else score.score)

    def auroc(self, cases: Sequence[Case]) -> float | None:
        """Of those that were scored; None without good and defective ones."""
        scored = [(case.defect, self._scores[case.name]) for case in cases if case.name in self._scores]
        good, bad = ([score for defect, score in scored if defect is wanted] for wanted in (False, True))
        return auroc(good, bad) if good and bad else None

    def _fitted(self, picture: Pixels) -> Pixels:
        size = (picture.shape[1], picture.shape[0])
        if self._frame is None or size == self._frame:
            return picture
        try:
            return Scale.between(size, self._frame).frame(picture)
        except Refused:
            return picture  # of another shape: judged as it is, and so BAD_FRAME


def before(recipe: Recipe, package: Package, now: Now, clock: Clock) -> OneView:
    """With today's limits, through the view that the model was taught through."""
    choices = now.record.choices
    frame = (choices.frame_width, choices.frame_height) if choices.frame_width and choices.frame_height else None
    view = next(one for one in recipe.views if one.camera == now.view.camera)
    same = now.today.patch == choices.patch and now.today.frame == frame
    old = replace(
        view,
        locate=choices.locate,
        picture=view.picture if same else None,
        frame_width=choices.frame_width,
        frame_height=choices.frame_height,
    )
    check = replace(now.check, region=choices.region)
    return _one_view(old, check, package, frame, choices.cut_out, clock)


def after(recipe: Recipe, package: Package, now: Now, clock: Clock) -> OneView:
    """As the new recipe says. The golden parts are run first."""
    view = next(one for one in recipe.views if one.camera == now.view.camera)
    check = next(one for one in view.checks if one.name == now.check.name)
    return _one_view(view, check, package, now.today.frame, now.record.choices.cut_out, clock)


def known_frames(memory: TaughtMemory, read: Read) -> list[Case]:
    """The raw pictures of the parts that people have judged."""
    return [
        Case(name=f"kept/{one.name}", path=read.files[one.sha256], defect=one.defect, limit=one.limit)
        for one in memory.known
        if one.sha256 in read.files
    ]


def _one_view(
    view: View, check: Check, package: Package, frame: Size | None, cut_out: bool, clock: Clock
) -> OneView:  # fmt: skip
    model = Model.load(package, SessionOptions())
    golden.verify(model, package)
    if cut_out:
        return OneView(Examiner(whole_frame(model, check), clock), None)
    ref = RecipeRef(name=package.manifest.name, version=package.manifest.version, digest="")
    runner = RecipeRunner(ref, replace(view, checks=(check,)), (model,))
    return OneView(Examiner(with_recipe(runner), clock), frame)
