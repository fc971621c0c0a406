"""What lies beside the part never decides."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.domain.model import Input
from edge.domain.recipe import LocateKind, Polarity
from edge.inference.preprocess import Preprocessor
from edge.inference.session import Graph, SessionOptions
from edge.learning import padim
from edge.learning.backbone import FAST, Extractor, load_backbone
from edge.learning.graph import build_model
from edge.learning.padim import FeatureStore
from edge.learning.part_mask import find_mask
from edge.learning.samples import SampleCutter
from edge.learning.teach import Plan, Taught, Teacher
from tests.unit.learning import made

BACKBONE = load_backbone(FAST)
PREPROCESS = BACKBONE.preprocess(128, 128)
LOCATE = replace(
    made.LOCATE, kind=LocateKind.BLOB, polarity=Polarity.BRIGHT, width_px=112, height_px=112, min_area_px=3000
)


@pytest.fixture(scope="module")
def taught() -> Taught:
    teacher = Teacher(Plan(locate=LOCATE, preprocess=PREPROCESS), BACKBONE)
    for number in range(10):
        teacher.show(made.good(number), str(number))
    return teacher.learn()


def score(taught: Taught, frame: made.Pixels) -> float:
    picture = SampleCutter(LOCATE, PREPROCESS).cut(frame, "probe").picture
    graph = Graph(taught.model, "made", ("score",), SessionOptions(), takes=Input.REGION)
    return float(graph.run(picture[None])[0][0])


def with_dot(x: int, y: int) -> made.Pixels:
    frame = made.good(60)
    cv2.circle(frame, (x, y), 2, (250, 250, 250), -1)
    return frame


def test_a_crumb_beside_the_part_changes_nothing_and_one_on_it_does(taught: Taught) -> None:
    clean = score(taught, made.good(60))
    assert score(taught, with_dot(80 - 50, 64 - 38)) == pytest.approx(clean, abs=0.02)
    assert score(taught, with_dot(80, 64 - 25)) > 1.5 * clean


def test_the_mask_is_the_part_and_a_narrow_margin() -> None:
    cutter = SampleCutter(LOCATE, PREPROCESS)
    pictures = [cutter.cut(made.good(number), str(number)).picture for number in range(6)]
    mask = find_mask(pictures, PREPROCESS, (16, 16))
    assert mask is not None
    y, x = np.mgrid[0:128, 0:128] - 63.5
    radius = np.hypot(x, y)
    assert mask.keep[0, 0][radius < 50 - 2].mean() > 254  # 44 of 112 px are 50 of 128; dark holes are the part
    assert mask.keep[0, 0][radius > 50 + 8].max() < 3
    assert not mask.cells[0, 0]
    assert mask.cells[8, 8]


def test_nothing_that_stands_out_is_no_mask() -> None:
    flat = [np.full((128, 128, 3), 90, np.uint8)] * 3
    assert find_mask(flat, PREPROCESS, (16, 16)) is None


def test_onnx_equals_numpy_behind_a_mask() -> None:
    cutter, preprocessor, extractor = SampleCutter(LOCATE, PREPROCESS), Preprocessor(PREPROCESS), Extractor(BACKBONE)
    pictures = [cutter.cut(made.good(number), str(number)).picture for number in range(6)]
    mask = find_mask(pictures, PREPROCESS, (16, 16))
    assert mask is not None
    store = FeatureStore(BACKBONE.taps)
    tensors = [preprocessor.tensor(picture) for picture in (*pictures, cutter.cut(made.scratched(9), "bad").picture)]
    for tensor in tensors:
        store.add(extractor.features(mask.apply(tensor, PREPROCESS)))
    fit = padim.fit(store, range(6), mask.cells)
    graph = Graph(build_model(BACKBONE, PREPROCESS, fit, mask), "made", ("score", "map"), SessionOptions())
    for row, tensor in enumerate(tensors):
        score, heat = graph.run(tensor)
        expected = padim.anomaly_map(fit, store.row(row))
        assert np.abs(heat[0, 0] - expected).max() < 1e-3 * expected.max()
        assert score[0] == pytest.approx(expected.max(), rel=1e-3)


def test_a_bore_is_background() -> None:
    y, x = np.mgrid[0:128, 0:128] - 63.5
    radius = np.hypot(x, y)
    picture = np.where((radius < 50) & (radius > 24), 200, 50).astype(np.uint8)
    mask = find_mask([cv2.merge([picture] * 3)] * 3, PREPROCESS, (16, 16))
    assert mask is not None
    assert mask.keep[0, 0][radius < 18].max() < 3
    assert mask.keep[0, 0][(radius > 26) & (radius < 48)].min() > 252
