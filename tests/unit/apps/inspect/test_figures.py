"""The figures of the summary, the words, and what is drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge.apps.inspect.judge import JudgedPart
from edge.apps.inspect.overlay import annotate
from edge.apps.inspect.summary import auroc
from edge.apps.inspect.words import _OURS, InspectWords
from edge.domain.part import PartId
from edge.domain.prediction import Box
from edge.domain.result import Placement, RecipeRef, Result, Score
from edge.domain.verdict import Reason, ReasonCode, Verdict
from tests.unit.inference import made


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    random = np.random.default_rng(3)
    good, bad = random.integers(0, 8, 40).astype(float), random.integers(3, 12, 25).astype(float)
    pairs = [(b > g) + (b == g) / 2 for g, b in itertools.product(good, bad)]
    assert auroc(good.tolist(), bad.tolist()) == pytest.approx(np.mean(pairs))
    assert auroc([1.0, 2.0], [3.0]) == 1.0
    assert auroc([2.0], [2.0]) == 0.5


def test_every_reason_and_verdict_has_words_in_both_languages() -> None:
    english, vietnamese = InspectWords("en"), InspectWords("vi")
    for code in ReasonCode:
        assert vietnamese.code(code) != english.code(code) != code.value
    assert all(vietnamese.verdict(verdict) and english.verdict(verdict) for verdict in Verdict)
    assert all(vietnamese(text) != text == english(text) for text in _OURS)


def test_a_reason_says_where_and_how_much() -> None:
    words = InspectWords("en")
    told = words.reason(Reason(code=ReasonCode.ANOMALY, where="surface", value=4.125, limit=3.0))
    assert told == "Looks different from good parts (surface: score 4.125, limit 3)"
    assert words.reason(Reason(code=ReasonCode.UNREADABLE, where="top")) == "The picture cannot be read (top)"


def judged(**changes: object) -> JudgedPart:
    result = Result(
        part=PartId(station="inspect", epoch=1, n=1),
        view="top",
        recipe=RecipeRef(name="disc", version=1, digest="0" * 16),
        verdict=Verdict.NG,
        scores=(Score(check="surface", score=4.0, unsure_from=2.0, ng_from=3.0),),
        boxes=(Box(x=10, y=20, width=8, height=6, score=4.0),),
        placement=Placement(x_px=100.0, y_px=60.0, angle_deg=0.0),
    )
    return JudgedPart(n=1, name="bánh/1.png", group="bánh", time_s=None, result=result, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_annotated_picture_shows_box_and_place_and_leaves_the_frame_alone(channels: int) -> None:
    frame = np.full((120, 200, channels), 90, np.uint8)
    before = frame.copy()
    picture = annotate(frame, judged(), made.whole(60, 40))
    assert picture.shape[1:] == (200, 3)
    assert picture.shape[0] > 120
    assert (picture[23, 10] == (40, 40, 215)).all()  # the box's left side
    assert (picture[60, 70] != 90).any()  # the part's place: 60 wide around x = 100
    assert (picture[60, 100] == 90).all()
    assert np.array_equal(frame, before)


def test_the_worst_check_is_the_furthest_over_its_own_limits() -> None:
    part = judged()
    assert part.worst is part.result.scores[0]
