"""How good a detector is, on pictures whose answer is known: examine each, compare map and mask, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge.capture.folder import decode_picture
from edge.domain.verdict import Verdict
from edge.learning.examine import Area, Examiner, Look
from edge.learning.figures import STOPPED, Figures, MaskCount, Seen, figures
from edge.learning.labelled import LabelledPicture, LabelledSet, read_mask
from edge.learning.pixel_figures import PixelFigures
from edge.learning.taught_with import taught_with

GoOn = Callable[[int, int], bool]
"""(pictures done, in all); False ends it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """seen: every picture that could be read. unreadable: the names of the others, which are in no figure.

    taught_with: names of those that the detector was made from, which are in the figures; None when nobody knows.
    """

    figures: Figures
    seen: tuple[Seen, ...]
    unreadable: tuple[str, ...]
    passed_over: int
    complete: bool
    taught_with: tuple[str, ...] | None = None

    def escapes(self) -> list[Seen]:
        """Defective parts judged OK, the lowest score first: the most convincing lies."""
        ours = [one for one in self.seen if not one.picture.good and one.verdict is Verdict.OK]
        return sorted(ours, key=_excess)

    def false_rejects(self) -> list[Seen]:
        """Good parts judged UNSURE or NG, the highest score first."""
        ours = [one for one in self.seen if one.picture.good and one.verdict in STOPPED]
        return sorted(ours, key=_excess, reverse=True)


def evaluate(
    pictures: LabelledSet, examiner: Examiner, go_on: GoOn | None = None, learnt: frozenset[str] | None = None
) -> Evaluation:
    """Examine all of them. `complete` is False when `go_on` ended it before the last. learnt: see `learnt_from`."""
    seen: list[Seen] = []
    unreadable: list[str] = []
    masks = _Masks(any(one.mask for one in pictures.pictures))
    complete = True
    for number, picture in enumerate(pictures.pictures):
        if go_on and not go_on(number, len(pictures.pictures)):
            complete = False
            break
        frame = decode_picture(picture.path, 3)
        if frame is None:
            unreadable.append(picture.name)
            continue
        look = examiner.look(frame)
        masks.add(picture, look, (frame.shape[0], frame.shape[1]))
        seen.append(Seen(picture=picture, result=look.result, excess=look.excess))
    if go_on and complete:
        go_on(len(pictures.pictures), len(pictures.pictures))
    return Evaluation(
        figures=figures(seen, masks.count(), masks.pixels),
        seen=tuple(seen),
        unreadable=tuple(unreadable),
        passed_over=pictures.passed_over,
        complete=complete,
        taught_with=None if learnt is None else taught_with(pictures, learnt),
    )


class _Masks:
    """Compares maps with masks, as far as there are both."""

    def __init__(self, wanted: bool) -> None:
        """wanted: no mask at all means no pixel figures, and then the maps need not be drawn."""
        self.pixels = PixelFigures()
        self._wanted = wanted
        self._count: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {"unreadable": [], "other_size": []}

    def add(self, picture: LabelledPicture, look: Look, shape: tuple[int, int]) -> None:
        if not picture.good and picture.mask is None:
            self._count["missing"] += 1
            return
        defect = np.zeros(shape, np.bool_)
        if picture.mask is not None:
            read = read_mask(picture.mask)
            if read is None or read.shape != shape:
                self._names["unreadable" if read is None else "other_size"].append(picture.name)
                return
            if not read.any():
                self._count["black"] += 1
                return
            defect = read
        self._compare(look, defect, picture.good)

    def _compare(self, look: Look, defect: Area, good: bool) -> None:
        heat = look.heat() if self._wanted else None
        if heat is None:
            self._count["mapless"] += self._wanted
            return
        self.pixels.add(heat[0], defect, heat[1])
        self._count["used"] += not good

    def count(self) -> MaskCount:
        return MaskCount(
            used=self._count["used"],
            missing=self._count["missing"],
            black=self._count["black"],
            unreadable=tuple(self._names["unreadable"]),
            other_size=tuple(self._names["other_size"]),
            mapless=self._count["mapless"],
            regions=self.pixels.regions,
        )


def _excess(one: Seen) -> float:
    return one.excess if one.excess is not None else 0.0
