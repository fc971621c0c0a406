"""What the backbone sees when the graph takes a raw region."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper

from edge.domain.geometry import Rect
from edge.domain.model import Input, Preprocess
from edge.domain.recipe import Locate
from edge.inference.preprocess import Preprocessor, RegionFeed
from edge.inference.session import Graph, SessionOptions
from edge.learning.backbone import FAST, load_backbone
from edge.learning.graph_input import before_backbone, input_of
from edge.learning.graph_parts import OPSET_OF_REGIONS, GraphParts
from edge.learning.part_mask import PartMask
from edge.learning.samples import SampleCutter
from edge.learning.teach import Plan, Teacher
from tests.unit.learning import made

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 64, 48
SAME = Preprocess(width=WIDTH, height=HEIGHT)
UNEVEN = replace(SAME, mean=(124.0, 116.0, 104.0), std=(58.0, 57.0, 57.5))
BROKEN = replace(SAME, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
WAYS = [SAME, replace(SAME, rgb=False), UNEVEN, BROKEN]


def seen(preprocess: Preprocess, picture: Pixels, mask: PartMask | None = None) -> NDArray[np.float32]:
    """(1, 3, HEIGHT, WIDTH), as it comes to a backbone that only hands on what it gets."""
    parts = GraphParts("made", OPSET_OF_REGIONS)
    backbone = GraphProto(node=[helper.make_node("Identity", ["image"], ["out"])])
    before = before_backbone(parts, backbone, Input.REGION, preprocess, mask)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])
    takes = [input_of(Input.REGION, preprocess)]
    graph = helper.make_graph([*before, *backbone.node], "made", takes, [out], parts.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET_OF_REGIONS)], ir_version=8)
    whole = Graph(model.SerializeToString(), "made", ("out",), SessionOptions(), takes=Input.REGION)
    return whole.run(picture[None])[0]


def noise(height: int, width: int, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("preprocess", WAYS)
def test_at_the_models_own_size_it_is_what_we_would_make_of_it(preprocess: Preprocess) -> None:
    picture = noise(HEIGHT, WIDTH)
    assert np.abs(seen(preprocess, picture) - Preprocessor(preprocess).tensor(picture)).max() < 1e-5


@pytest.mark.parametrize("size", [(480, 640), (131, 95), (20, 31), (48, 300), (300, 64)])
def test_any_size_becomes_the_models(size: tuple[int, int]) -> None:
    """Of a smooth picture hardly anything else than ours by area: within a level of 255, a quarter in the mean."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    smooth = np.stack([90 + 60 * np.sin(3 * x), 120 + 40 * np.cos(2 * y), 200 * x * y], axis=2).astype(np.uint8)
    levels = np.abs(seen(SAME, smooth) - Preprocessor(SAME).tensor(smooth)) * SAME.std[0]
    assert levels.mean() < 0.25
    assert levels.max() < 1.01


@pytest.mark.parametrize("row", range(10, 18))
def test_a_line_of_one_pixel_stays_visible_wherever_it_lies(row: int) -> None:
    """Shrunk 8 times: no light is lost, and half of it at the least is in one row."""
    picture = np.full((8 * HEIGHT, 8 * WIDTH, 3), 200, np.uint8)
    picture[8 * 4 + row] = 0
    lost = 200 - (seen(SAME, picture)[0, 1] * SAME.std[0] + SAME.mean[0])
    assert lost.max(axis=0).min() > 200 / 16
    assert lost.sum(axis=0) == pytest.approx(np.full(WIDTH, 200 / 8), abs=1)  # whole levels: some light is rounded


def test_beside_the_part_is_the_mean_picture() -> None:
    picture = noise(HEIGHT, WIDTH)
    keep = np.zeros((1, 1, HEIGHT, WIDTH), np.uint8)
    keep[..., WIDTH // 2 :] = 255
    mask = PartMask(keep=keep, mean=np.full((1, 3, HEIGHT, WIDTH), 77, np.uint8), cells=np.ones((6, 8), np.bool_))
    expected = mask.apply(Preprocessor(SAME).tensor(picture), SAME)
    assert np.abs(seen(SAME, picture, mask) - expected).max() < 1e-5
    assert np.abs(expected[..., : WIDTH // 2] - (77 - 127) / 128).max() < 1e-6


def test_a_raw_crop_scores_as_our_pipeline_does() -> None:
    """Resized by the graph or by us: within 0.05 of the score, as on five sets of real pictures (0.002 to 0.008 in the
    mean)."""
    backbone = load_backbone(FAST)
    preprocess = backbone.preprocess(128, 96)
    whole = Rect(x=0, y=0, width=4 * made.WIDTH, height=4 * made.HEIGHT)
    locate = Locate(search=whole, width_px=whole.width, height_px=whole.height)
    teacher, cutter = Teacher(Plan(locate=locate, preprocess=preprocess), backbone), SampleCutter(locate, preprocess)
    for number in range(14):
        teacher.show(large(made.good(number)), str(number))
    taught = teacher.learn()
    graph = Graph(taught.model, "made", ("score",), SessionOptions(), takes=Input.REGION)
    good, bad = (large(picture) for picture in (made.good(60), made.scratched(60)))
    scores = [
        (float(graph.run(frame[None])[0][0]), float(graph.run(cutter.cut(frame, "").picture[None])[0][0]))
        for frame in (good, bad)
    ]
    for raw, ours in scores:
        assert raw == pytest.approx(ours, rel=0.05)
    assert scores[1][0] > 1.5 * scores[0][0]


def large(picture: Pixels) -> Pixels:
    size = (4 * picture.shape[1], 4 * picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def test_our_own_feed_hands_over_bytes_of_the_models_size() -> None:
    feed = RegionFeed(SAME)
    fed = feed.tensor(noise(HEIGHT, WIDTH))
    assert (fed.dtype, fed.shape) == (np.uint8, (1, HEIGHT, WIDTH, 3))
    assert np.array_equal(fed[0], noise(HEIGHT, WIDTH))
