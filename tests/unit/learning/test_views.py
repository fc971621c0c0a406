"""The views of a handful of pictures: the picture itself, and it moved by half a cell."""

from __future__ import annotations

import numpy as np

from edge.learning.backbone import FAST, load_backbone
from edge.learning.detector import Method
from edge.learning.teach import Plan, Teacher
from edge.learning.views import MOST_PICTURES, views
from tests.unit.learning import made


def test_the_first_is_the_picture_and_the_others_are_moved() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    first, *moved = views(picture)
    assert (first == picture).all()
    assert len(moved) == 4
    right_down, left_down, right_up, left_up = moved
    assert (right_down[4:, 4:] == picture[:-4, :-4]).all()
    assert (left_down[4:, :-4] == picture[:-4, 4:]).all()
    assert (right_up[:-4, 4:] == picture[4:, :-4]).all()
    assert (left_up[:-4, :-4] == picture[4:, 4:]).all()
    assert (right_down[0, 0] == picture[0, 0]).all()  # the edge is repeated


def test_only_a_handful_is_moved_and_scores_are_of_the_pictures_themselves() -> None:
    backbone = load_backbone(FAST)
    plan = Plan(locate=made.LOCATE, preprocess=backbone.preprocess(96, 64))
    for count, factor in ((4, 5), (MOST_PICTURES + 1, 1)):
        teacher = Teacher(plan, backbone)
        for number in range(count):
            teacher.show(made.good(number), str(number))
        taught = teacher.learn()
        assert len(taught.scored) == count
        assert f"of {8 * 12 * count * factor}," in taught.learnt.choices["bank"]


def test_gaussians_are_taught_with_the_pictures_alone() -> None:
    backbone = load_backbone(FAST)
    plan = Plan(locate=made.LOCATE, preprocess=backbone.preprocess(96, 64), method=Method.GAUSSIANS)
    teacher = Teacher(plan, backbone)
    for number in range(4):
        teacher.show(made.good(number), str(number))
    taught = teacher.learn()
    assert "PaDiM" in taught.learnt.method
    assert taught.learnt.facts == {"method": "PaDiM, principal components, position-wise Gaussians"}
    assert taught.learnt.choices == {}
