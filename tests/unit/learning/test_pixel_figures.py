"""AU-PRO and pixel AUROC against references that try every threshold on every region."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.learning.metrics import auroc
from edge.learning.pixel_figures import PixelFigures

Picture = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]


def regions(defect: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Flood fill, diagonals too."""
    left = {(int(y), int(x)) for y, x in np.argwhere(defect)}
    found = []
    while left:
        todo, region = [left.pop()], np.zeros_like(defect)
        while todo:
            y, x = todo.pop()
            region[y, x] = True
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            todo += near
        found.append(region)
    return found


def slow_au_pro(pictures: list[Picture], limit: float) -> float | None:
    """The curve point by point, cut at the limit, trapezoids."""
    known = [heat[looked & ~defect] for heat, defect, looked in pictures]
    normal = np.concatenate(known)
    hot = [np.where(looked, heat, -np.inf)[one] for heat, defect, looked in pictures for one in regions(defect)]
    if not normal.size or not hot:
        return None
    points = [(0.0, 0.0)]
    for threshold in sorted({*normal.tolist(), *np.concatenate(hot).tolist()}, reverse=True):
        share = float((normal >= threshold).mean())
        points.append((share, float(np.mean([(region >= threshold).mean() for region in hot]))))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area / limit


@st.composite
def pictures(draw: st.DrawFn) -> list[Picture]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        levels = draw(st.integers(1, 9))
        heat = (rng.integers(-levels, levels + 1, (height, width)) / 4).astype(np.float32)
        defect = rng.random((height, width)) < draw(st.sampled_from([0.0, 0.1, 0.4]))
        looked = rng.random((height, width)) < draw(st.sampled_from([1.0, 0.8]))
        made.append((heat, defect, looked))
    return made


def figures(shown: list[Picture]) -> PixelFigures:
    made = PixelFigures()
    for picture in shown:
        made.add(*picture)
    return made


@settings(deadline=None)
@given(pictures(), st.sampled_from([0.05, 0.3, 1.0]))
def test_au_pro(shown: list[Picture], limit: float) -> None:
    expected = slow_au_pro(shown, limit)
    found = figures(shown).au_pro(limit)
    assert found == (None if expected is None else pytest.approx(expected))


@settings(deadline=None)
@given(pictures())
def test_pixel_auroc(shown: list[Picture]) -> None:
    good = [float(v) for heat, defect, looked in shown for v in heat[looked & ~defect]]
    bad = [float(v) for heat, defect, looked in shown for v in np.where(looked, heat, -np.inf)[defect]]
    found = figures(shown).auroc()
    assert found == (pytest.approx(auroc(good, bad)) if good and bad else None)


def test_fine_scores_lose_nothing_that_matters() -> None:
    rng = np.random.default_rng(3)
    shown: list[Picture] = []
    for k in range(4):
        heat = rng.normal(1.5, 0.05, (40, 50)).astype(np.float32)
        defect = np.zeros(heat.shape, np.bool_)
        defect[5 : 10 + k, 8:20] = True
        defect[30:32, 30:33] = True
        heat[defect] += np.float32(0.1)
        shown.append((heat, defect, np.ones_like(defect)))
    made = figures(shown)
    expected = slow_au_pro(shown, 0.3)
    good = np.concatenate([heat[~defect] for heat, defect, _ in shown])
    bad = np.concatenate([heat[defect] for heat, defect, _ in shown])
    assert made.au_pro() == pytest.approx(expected, abs=2e-4)
    assert made.auroc() == pytest.approx(auroc(good.tolist(), bad.tolist()), abs=2e-4)
    assert (made.regions, made.pictures) == (8, 4)


def some(count: int, seed: int = 3) -> list[Picture]:
    """Defects that are found more or less; every third picture is good."""
    rng = np.random.default_rng(seed)
    shown: list[Picture] = []
    for k in range(count):
        heat = rng.normal(1.5, 0.1, (24, 30)).astype(np.float32)
        defect = np.zeros(heat.shape, np.bool_)
        if k % 3:
            defect[5:9, 8:14] = defect[18:20, 20:22] = True
            heat[defect] += np.float32(rng.uniform(-0.05, 0.5))
        heat = np.asarray(np.round(heat * 32) / 32, np.float32)  # few thresholds, for the sake of the slow reference
        shown.append((heat, defect, np.ones_like(defect)))
    return shown


def test_the_interval_is_what_drawing_pictures_again_gives() -> None:
    """The reference draws the pictures themselves and computes each AU-PRO from all thresholds."""
    shown = some(9)
    low, high = figures(shown).au_pro_interval(0.95) or (0.0, 0.0)
    good, defective = [one for one in shown if not one[1].any()], [one for one in shown if one[1].any()]
    rng = np.random.default_rng(11)
    drawn = [
        slow_au_pro([group[k] for group in (good, defective) for k in rng.integers(0, len(group), len(group))], 0.3)
        for _ in range(150)
    ]
    slow = np.quantile([one for one in drawn if one is not None], (0.025, 0.975))
    assert (low, high) == pytest.approx(slow.tolist(), abs=0.06)
    assert low < (figures(shown).au_pro() or 0) < high
    assert figures(shown).au_pro_interval(0.95) == (low, high)  # the same pictures say the same
    assert low < (figures(shown).au_pro_interval(0.5) or (0, 0))[0]


def test_more_pictures_say_more() -> None:
    few, many = (figures(some(count)).au_pro_interval(0.95) or (0.0, 0.0) for count in (9, 90))
    assert many[1] - many[0] < 0.6 * (few[1] - few[0])


def test_coarse_classes_give_the_same_figure() -> None:
    """All pictures are one, so nothing varies but by the interval's coarser classes."""
    made = figures([some(2)[1]] * 5)
    value = made.au_pro() or 0.0
    assert 0 < value < 1
    assert made.au_pro_interval(0.95) == (pytest.approx(value, abs=5e-3), pytest.approx(value, abs=5e-3))


@pytest.mark.parametrize("defective", [0, 1])
def test_no_interval_where_nothing_can_vary(defective: int) -> None:
    shown = [one for one in some(6) if not one[1].any()] + [one for one in some(6) if one[1].any()][:defective]
    assert figures(shown).au_pro_interval(0.95) is None


def test_a_small_region_weighs_as_much_as_a_large_one() -> None:
    heat = np.zeros((20, 20), np.float32)
    defect = np.zeros((20, 20), np.bool_)
    defect[:10, :10] = defect[15, 15] = True
    heat[:10, :10] = 1  # the large one is found, the small one as cold as everything else
    made = figures([(heat, defect, np.ones_like(defect))])
    # Up to the tie at the end the curve rises straight from (0, 1/2) to (1, 1).
    assert made.au_pro(0.3) == pytest.approx(0.5 + 0.5 * 0.3 / 2)
    assert made.auroc() == pytest.approx((100 + 0.5) / 101)


def test_what_is_not_looked_at() -> None:
    heat = np.array([[5.0, 0.0, 9.0]], np.float32)
    defect = np.array([[False, False, True]])
    looked = np.array([[True, True, False]])
    made = figures([(heat, defect, looked)])
    assert made.auroc() == 0.0
    elsewhere = figures([(np.full((1, 2), -np.inf, np.float32), np.array([[True, False]]), np.array([[False, True]]))])
    assert elsewhere.auroc() == 0.0


def test_wrong_input() -> None:
    made = PixelFigures()
    nothing = np.zeros((2, 2), np.bool_)
    with pytest.raises(ModelError, match="no numbers"):
        made.add(np.full((2, 2), np.nan, np.float32), nothing, ~nothing)
    with pytest.raises(ValueError, match="not of one size"):
        made.add(np.zeros((2, 3), np.float32), nothing, ~nothing)
    assert (made.au_pro(), made.auroc()) == (None, None)


def test_a_hundred_maps_take_seconds() -> None:
    """CPU time, so that a busy machine fails nobody; it takes about 1 s, 10 are far too many."""
    rng = np.random.default_rng(1)
    heat = rng.random((512, 512), dtype=np.float32)
    defect = np.zeros(heat.shape, np.bool_)
    defect[100:180, 60:200] = True
    made = PixelFigures()
    began = time.process_time()
    for _ in range(100):
        made.add(heat, defect, np.ones_like(defect))
    assert made.au_pro() is not None
    assert time.process_time() - began < 10
