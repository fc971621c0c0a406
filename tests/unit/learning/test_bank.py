"""The memory bank against its definition, and its ONNX graph against numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.domain.model import Input
from edge.errors import UsageError
from edge.inference.golden import read_picture
from edge.inference.preprocess import Preprocessor, RegionFeed
from edge.inference.session import Graph, SessionOptions
from edge.learning import bank, coreset, place
from edge.learning.backbone import DEFAULT, FAST, NAMES, Extractor, Features, Tap, load_backbone
from edge.learning.bank import BankFit, Memory, Space
from edge.learning.bank_graph import build_model
from edge.learning.padim import FeatureStore
from edge.learning.part_mask import find_mask
from tests.unit.learning import made

Array = NDArray[np.float32]
TAPS = (
    Tap(name="s8", dtype="float32", layout="NCHW", channels=6, stride_px=8),
    Tap(name="s16", dtype="float32", layout="NCHW", channels=5, stride_px=16),
)


WITHIN = 1e-4
"""Of the score, at least of 1: the graph against numpy."""
INT8_WITHIN, INT8_MAP_WITHIN = 0.025, 0.1
"""The same with the bank in whole numbers, for parts that were not taught. (At a patch that is remembered the distance
is all rounding; it only says that the part is good.)"""


def region_graph(model: bytes) -> Graph:
    return Graph(model, "made", ("score", "map"), SessionOptions(), takes=Input.REGION)


def agree(
    graph: Graph, feed: RegionFeed, pictures: list[made.Pixels], expected: list[Array], *, taught: int, int8: bool
) -> None:  # fmt: skip
    """From bytes to the map, against the network's features of the same pictures and the bank in numpy."""
    for picture, wanted in list(zip(pictures, expected, strict=True))[taught if int8 else 0 :]:
        score, heat = graph.run(feed.tensor(picture))
        assert (score.shape, heat.shape) == ((1,), (1, 1, *wanted.shape))
        least = max(1.0, float(wanted.max()))
        assert np.abs(heat[0, 0] - wanted).max() < least * (INT8_MAP_WITHIN if int8 else WITHIN)
        assert abs(score[0] - wanted.max()) < least * (INT8_WITHIN if int8 else WITHIN)


def features(seed: int) -> Features:
    rng = np.random.default_rng(seed)
    fine = rng.standard_normal((6, 4, 8)) * np.arange(1, 7)[:, None, None] + 3
    return fine.astype(np.float32), rng.standard_normal((5, 2, 4)).astype(np.float32)


def store(count: int) -> FeatureStore:
    kept = FeatureStore(TAPS, bank.PLANS)
    for number in range(count):
        kept.add(features(number))
    return kept


def lone(count: int) -> list[range]:
    return [range(row, row + 1) for row in range(count)]


def memory(count: int, components: int = 11) -> Memory:
    kept = store(count)
    space = bank.find_space(kept, components)
    return Memory(space, bank.all_patches(space, kept), lone(count))


def test_with_all_components_distances_are_those_of_standardised_features() -> None:
    kept = store(40)
    space = bank.find_space(kept, components=11)
    patches = space.patches(kept.row(7))
    rows = [kept.row(row) for row in range(len(kept))]
    levels = []
    for number, channels in enumerate((6, 5)):
        every = np.stack([row[number] for row in rows]).astype(np.float64)
        mean, spread = every.mean(axis=(0, 2, 3)), every.std(axis=(0, 2, 3))
        own = ((rows[7][number].transpose(1, 2, 0) - mean) / spread / np.sqrt(channels)).astype(np.float32)
        levels.append(cv2.resize(own, (8, 4), interpolation=cv2.INTER_LINEAR))
    plain = np.concatenate(levels, axis=2).reshape(32, 11)
    expected = np.linalg.norm(plain[:, None] - plain[None], axis=2)
    assert np.linalg.norm(patches[:, None] - patches[None], axis=2) == pytest.approx(expected, abs=1e-4)


def roots(probe: Array, fit: BankFit, usual: Array | float) -> NDArray[np.float64]:
    """(4, 8) from the definition: the distance to the nearest entry over the usual one."""
    apart = np.linalg.norm(probe[:, None].astype(np.float64) - fit.entries[None], axis=2) / np.sqrt(usual)
    return np.asarray(np.maximum(apart, np.sqrt(bank.LEAST)).min(axis=1).reshape(4, 8))


def test_the_map_is_the_distance_to_the_nearest_over_its_usual_one_and_plain_below_what_good_parts_reach() -> None:
    fit = memory(8).fit()
    probe = fit.space.patches(store(60).row(55))
    calibrated, plain = roots(probe, fit, fit.usual), roots(probe, fit, float(np.exp(np.log(fit.usual).mean())))
    assert plain.min() < fit.level < calibrated.max()
    for level in (0.0, fit.level):
        joined = np.minimum(plain, level) + np.maximum(calibrated - level, 0)
        expected = cv2.GaussianBlur(joined, (5, 5), 0.8, borderType=cv2.BORDER_REFLECT_101)
        assert bank.anomaly_map(replace(fit, level=level), probe) == pytest.approx(expected, rel=1e-3)


def test_the_level_is_what_every_good_part_reaches() -> None:
    taught = memory(9)
    level = taught.fit().level
    peaks = [float(taught.held_out(row)[0].max()) for row in range(9)]
    # Lower cells beside the highest one are smoothed into it, and by them alone the joined map differs.
    assert 0.8 * level < min(peaks) < 1.2 * level < max(peaks)


def test_left_out_it_is_judged_by_the_others_alone() -> None:
    """A picture like no other is odd when it is left out, and usual once it was taught."""
    kept = store(9)
    odd = tuple(one + 5 for one in features(99))
    kept.add(odd)
    space = bank.find_space(kept, components=11)
    taught = Memory(space, bank.all_patches(space, kept), lone(10))
    score = taught.held_out(9)[0].max()
    assert score > 2 * max(float(taught.held_out(row)[0].max()) for row in range(9))
    assert bank.anomaly_map(taught.fit(), space.patches(kept.row(9))).max() < 0.1 * score


def test_an_understudy_takes_the_part_of_what_is_left_out() -> None:
    """Of two alike pictures only one gets into the bank. Leaving it out must not make it odd: the other knows it."""
    kept = store(4)
    for number in range(4):
        kept.add(tuple(one + np.float32(1e-3) for one in features(number)))
    space = bank.find_space(kept, components=11)
    taught = Memory(space, bank.all_patches(space, kept), lone(8))
    assert max(float(taught.held_out(row)[0].max()) for row in range(8)) < 5


def test_copies_of_one_picture_give_finite_scores() -> None:
    kept = FeatureStore(TAPS, bank.PLANS)
    for _ in range(3):
        kept.add(features(1))
    space = bank.find_space(kept, components=11)
    taught = Memory(space, bank.all_patches(space, kept), lone(3))
    assert np.isfinite([taught.held_out(row)[0].max() for row in range(3)]).all()
    assert np.isfinite(bank.anomaly_map(taught.fit(), space.patches(store(6).row(5)))).all()


def test_one_picture_is_refused() -> None:
    kept = store(1)
    space = bank.find_space(kept, components=11)
    with pytest.raises(UsageError, match="no variation"):
        Memory(space, bank.all_patches(space, kept), lone(1))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 1000))
def test_the_coreset_is_gonzalez(number: int, count: int, seed: int) -> None:
    """Against the definition: the next is always one that is farthest from all chosen."""
    patches = np.random.default_rng(seed).integers(-4, 5, (number, 3)).astype(np.float32)
    rows = coreset.k_centre(patches, count)
    apart = np.linalg.norm(patches[:, None].astype(np.float64) - patches[None], axis=2)
    assert len(set(rows.tolist())) == len(rows) == min(count, len(np.unique(patches, axis=0)))
    for step in range(1, len(rows)):
        nearest = apart[:, rows[:step]].min(axis=1)
        assert nearest[rows[step]] == pytest.approx(nearest.max(), abs=1e-5)


def test_too_many_candidates_are_thinned_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    patches = np.random.default_rng(1).standard_normal((60_000, 2)).astype(np.float32)
    rows = coreset.k_centre(patches, 50)
    assert len(rows) == 50
    assert rows.max() > 50_000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weight", [0.0, 5.0])
@pytest.mark.parametrize("masked", [False, True])
def test_onnx_equals_numpy(name: str, weight: float, masked: bool) -> None:
    backbone = load_backbone(name)
    preprocess = backbone.preprocess(160, 128)
    extractor, preprocessor = Extractor(backbone), Preprocessor(preprocess)
    pictures = [made.good(number) for number in range(8)]
    mask = find_mask(pictures, preprocess, (16, 20)) if masked else None
    assert (mask is not None) == masked
    kept = FeatureStore(backbone.taps, bank.PLANS)
    pictures += [made.scratched(50), made.good(60)]
    for picture in pictures:
        tensor = preprocessor.tensor(picture)
        kept.add(extractor.features(mask.apply(tensor, preprocess) if mask else tensor))
    space = bank.find_space(kept)
    space = Space(taps=space.taps, map_size=space.map_size, place_weight=weight)
    patches = bank.all_patches(space, kept)
    fit = Memory(space, patches[:8], lone(8), mask.cells if mask else None).fit()
    expected = [bank.anomaly_map(fit, one) for one in patches]
    for int8 in (False, True):
        graph = region_graph(build_model(backbone, preprocess, fit, mask, int8=int8))
        agree(graph, RegionFeed(preprocess), pictures, expected, taught=8, int8=int8)


def test_only_standard_operators_and_no_other_file() -> None:
    backbone = load_backbone(FAST)
    preprocess = backbone.preprocess(64, 64)
    extractor, kept = Extractor(backbone), FeatureStore(backbone.taps, bank.PLANS)
    for number in range(3):
        kept.add(extractor.features(Preprocessor(preprocess).tensor(made.good(number))))
    space = bank.find_space(kept)
    fit = Memory(space, bank.all_patches(space, kept), lone(3)).fit()
    model = onnx.load_from_string(build_model(backbone, preprocess, fit))
    assert {node.domain for node in model.graph.node} == {""}
    assert not any(one.external_data for one in model.graph.initializer)
    assert [one.name for one in model.graph.input] == ["region"]
    sides = [one.dim_value or one.dim_param for one in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, "height", "width", 3]


def test_the_place_counts_for_parts_that_lie_alike_and_not_for_loose_ones() -> None:
    backbone = load_backbone(DEFAULT)
    preprocess = backbone.preprocess(160, 128)
    extractor, preprocessor = Extractor(backbone), Preprocessor(preprocess)
    folds = lone(6)
    found = []
    for loose in (False, True):
        kept = FeatureStore(backbone.taps, bank.PLANS)
        for number in range(6):
            shift = np.random.default_rng([number, 3]).integers(0, (made.WIDTH, made.HEIGHT)) if loose else (0, 0)
            picture = np.roll(made.good(number), tuple(int(one) for one in shift[::-1]), axis=(0, 1))
            kept.add(extractor.features(preprocessor.tensor(picture)))
        space = bank.find_space(kept)
        found.append(place.choose(bank.all_patches(space, kept), space, folds, None))
    assert found[0].space.place_weight > 0
    assert found[0].patches.shape[2] == found[0].space.components + 2
    assert found[1].space.place_weight == 0
    assert found[0].alignment < found[1].alignment


def test_onnx_equals_numpy_on_real_pictures(shared_data: Path) -> None:
    """Broken cookies, by a bank of whole ones."""
    backbone = load_backbone(DEFAULT)
    preprocess = backbone.preprocess(224, 288)
    extractor, preprocessor = Extractor(backbone), Preprocessor(preprocess)
    kept = FeatureStore(backbone.taps, bank.PLANS)
    good = sorted((shared_data / "cookie/train/good").iterdir())[:6]
    broken = sorted((shared_data / "cookie/test/broken").iterdir())[:3]
    pictures = [read_picture(path, "cookie") for path in (*good, *broken)]
    for picture in pictures:
        kept.add(extractor.features(preprocessor.tensor(picture)))
    space = bank.find_space(kept)
    placed = Space(taps=space.taps, map_size=space.map_size, place_weight=bank.PLACE_WEIGHT)
    patches = bank.all_patches(placed, kept)
    fit = Memory(placed, patches[:6], lone(6)).fit()
    expected = [bank.anomaly_map(fit, one) for one in patches]
    for int8 in (False, True):
        graph = region_graph(build_model(backbone, preprocess, fit, int8=int8))
        agree(graph, RegionFeed(preprocess), pictures, expected, taught=6, int8=int8)
