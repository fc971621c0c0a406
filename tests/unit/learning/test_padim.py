"""The Gaussians against the textbook's formula, and the ONNX graph against numpy."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edge.errors import ModelError, UsageError
from edge.inference.preprocess import Preprocessor
from edge.inference.session import Graph, SessionOptions
from edge.learning import padim
from edge.learning.backbone import DEFAULT, FAST, NAMES, Extractor, Tap, load_backbone
from edge.learning.graph import build_model
from edge.learning.padim import FeatureStore, TapPlan
from tests.unit.learning import made

Array = NDArray[np.float32]
TAPS = (
    Tap(name="s8", dtype="float32", layout="NCHW", channels=6, stride_px=8),
    Tap(name="s16", dtype="float32", layout="NCHW", channels=5, stride_px=16),
)


def features(rng: np.random.Generator) -> tuple[Array, Array]:
    mix = np.eye(6) + 0.3 * np.random.default_rng(1).standard_normal((6, 6))
    fine = np.einsum("dc,chw->dhw", mix, rng.standard_normal((6, 4, 8)))
    return fine.astype(np.float32), rng.standard_normal((5, 2, 4)).astype(np.float32) * 3 + 1


def store(count: int, plans: tuple[TapPlan, ...]) -> FeatureStore:
    kept = FeatureStore(TAPS, plans)
    for number in range(count):
        kept.add(features(np.random.default_rng(number)))
    return kept


def test_the_distance_is_that_of_mahalanobis() -> None:
    """All components kept and one tap alone at a place: |whiten (y - mean)|^2 must be (f - m)' C^-1 (f - m) / d."""
    kept = store(400, (TapPlan(kept=6, pooled=False), TapPlan(kept=5, pooled=False)))
    fit = padim.fit(kept)
    probe = features(np.random.default_rng(999))
    tap = fit.taps[0]
    rows = np.stack([kept.row(row)[0] for row in range(len(kept))]).astype(np.float64)
    y, x = 2, 5
    off = rows[:, :, y, x] - rows[:, :, y, x].mean(axis=0)
    own = off.T @ off / (len(rows) - 1)
    everywhere = rows - rows.mean(axis=0)
    shared = np.einsum("nchw,ndhw->cd", everywhere, everywhere) / (len(rows) - 1) / (4 * 8)
    share = max(padim._SHRINK, 6 / 406)
    inverse = np.linalg.inv((1 - share) * own + share * shared)
    centred = probe[0][:, y, x] - rows[:, :, y, x].mean(axis=0)
    flat = tap.projection @ probe[0][:, y, x] + tap.offset
    white = tap.whiten[y, x] @ (flat - tap.mean[:, y, x])
    # The floor of a thousandth of the variance is all that may differ.
    assert white @ white == pytest.approx(centred @ inverse @ centred / 6 / 2, rel=0.05)


def test_good_parts_score_about_one_and_odd_ones_more() -> None:
    kept = store(300, (TapPlan(kept=6, pooled=True), TapPlan(kept=5, pooled=False)))
    fit = padim.fit(kept)
    usual = np.mean([padim.anomaly_map(fit, kept.row(row)).mean() for row in range(20)])
    assert 0.8 < usual < 1.1
    odd = [plane.copy() for plane in kept.row(0)]
    odd[0][:, 1, 6] += 12
    heat = padim.anomaly_map(fit, (odd[0], odd[1]))
    assert np.unravel_index(int(heat.argmax()), heat.shape) == (1, 6)
    assert heat.max() > 3 * usual


def test_two_pictures_are_the_least() -> None:
    kept = store(2, (TapPlan(kept=6, pooled=False), TapPlan(kept=5, pooled=False)))
    assert np.isfinite(padim.fit(kept).taps[0].whiten).all()
    with pytest.raises(UsageError, match="no variation"):
        padim.fit(kept, [0])


def test_the_plan_must_fit_the_backbone() -> None:
    with pytest.raises(UsageError, match="2 taps"):
        FeatureStore(TAPS, (TapPlan(kept=6, pooled=False),))


@pytest.mark.parametrize("name", NAMES)
def test_onnx_equals_numpy(name: str) -> None:
    """On pictures with texture, good and not; within 1e-3 of the score, in every cell of the map."""
    backbone = load_backbone(name)
    preprocess = backbone.preprocess(160, 128)
    extractor, preprocessor = Extractor(backbone), Preprocessor(preprocess)
    kept = FeatureStore(backbone.taps)
    tensors = [preprocessor.tensor(made.good(number)) for number in range(8)]
    tensors.append(preprocessor.tensor(made.scratched(50)))
    for tensor in tensors:
        kept.add(extractor.features(tensor))
    fit = padim.fit(kept, range(8))
    graph = Graph(build_model(backbone, preprocess, fit), "made", ("score", "map"), SessionOptions())
    for row, tensor in enumerate(tensors):
        score, heat = graph.run(tensor)
        expected = padim.anomaly_map(fit, kept.row(row))
        assert (score.shape, heat.shape) == ((1,), (1, 1, 16, 20))
        assert np.abs(heat[0, 0] - expected).max() < 1e-3 * expected.max()
        assert score[0] == pytest.approx(expected.max(), rel=1e-3)


def test_only_standard_operators_and_no_other_file() -> None:
    backbone = load_backbone(FAST)
    preprocess = backbone.preprocess(64, 64)
    extractor, kept = Extractor(backbone), FeatureStore(backbone.taps)
    for number in range(3):
        kept.add(extractor.features(Preprocessor(preprocess).tensor(made.good(number))))
    model = onnx.load_from_string(build_model(backbone, preprocess, padim.fit(kept)))
    assert {node.domain for node in model.graph.node} == {""}
    assert not any(one.external_data for one in model.graph.initializer)
    assert [one.name for one in model.graph.input] == ["image"]


def test_an_unknown_or_damaged_backbone_is_refused(tmp_path: object) -> None:
    with pytest.raises(UsageError, match="no backbone 'resnet'"):
        load_backbone("resnet")
    with pytest.raises(UsageError, match="takes no picture of 100 x 96"):
        load_backbone(DEFAULT).preprocess(100, 96)


def test_a_backbone_that_is_not_its_manifests_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("backbone")
    (folder / FAST).mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        load_backbone(FAST, folder)
