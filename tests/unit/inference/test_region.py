"""Models that take the raw region beside those that take the normalised image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.domain.model import Input, Resize, dump_manifest, load_manifest
from edge.domain.part import PartId
from edge.domain.verdict import Verdict
from edge.errors import ModelError
from edge.inference.golden import score_of, verify
from edge.inference.pipeline import Prepared, RecipeRunner
from edge.inference.preprocess import Preprocessor, RegionFeed, feed_for
from edge.inference.session import Model
from edge.store.packages import Package
from tests.unit.inference import made

PART = PartId(station="s", epoch=1, n=1)


def region_package(folder: Path, content: bytes | None = None, **changes: object) -> Package:
    return made.package(folder, content or made.region_onnx(), **{"name": "raw", "input": Input.REGION, **changes})


def test_a_manifest_says_which_and_an_older_one_means_the_image() -> None:
    raw, image = made.manifest(input=Input.REGION), made.manifest()
    assert load_manifest(dump_manifest(raw)) == raw
    assert load_manifest(dump_manifest(image)) == image
    assert b'"input": "region"' in dump_manifest(raw)
    assert b'"input"' not in dump_manifest(image)  # and so older releases can read it
    assert (type(feed_for(raw)), type(feed_for(image))) == (RegionFeed, Preprocessor)


def test_a_region_is_never_padded() -> None:
    with pytest.raises(ModelError, match="stretches"):
        made.manifest(input=Input.REGION, preprocess=replace(made.LEVELS, resize=Resize.FIT))


@pytest.mark.parametrize("shape", [(64, 64, 3), (64, 64, 1), (128, 192, 3), (40, 200, 1)])
def test_the_feed_copies_and_resizes_as_for_the_image(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    feed = RegionFeed(made.LEVELS)
    out = feed.buffer()
    assert feed.fill(picture, out) is out
    planes = Preprocessor(replace(made.LEVELS, rgb=False)).tensor(picture)
    assert np.array_equal(out[0].transpose(2, 0, 1), planes[0])
    picture[:] = 0
    assert out.any()


def test_it_runs_on_any_size_and_is_held_to_its_golden_parts(tmp_path: Path) -> None:
    package = region_package(tmp_path, golden=made.GOLDEN)
    model = Model.load(package)
    verify(model, package)
    assert model.map_shape == (8, 8)
    assert score_of(model, made.with_spot(8, 16, 8)) == (pytest.approx(250, abs=1e-3), "NG")
    raw = model.run(made.with_spot(16, 32, 16, side=128)[None])
    assert float(raw[0][0]) == pytest.approx(250, abs=1e-3)


@pytest.mark.parametrize(
    ("content", "given"),
    [(made.anomaly_onnx(), Input.REGION), (made.region_onnx(), Input.IMAGE), (made.region_onnx(side=32), Input.REGION)],
)
def test_a_graph_that_takes_something_else_is_refused(tmp_path: Path, content: bytes, given: Input) -> None:
    with pytest.raises(ModelError, match="does not fit its manifest"):
        Model.load(made.package(tmp_path, content, input=given))


def test_both_kinds_judge_one_part_side_by_side(tmp_path: Path) -> None:
    packages = (made.package(tmp_path), region_package(tmp_path))
    checks = tuple(made.check(one, name=one.manifest.name) for one in packages)
    recipe = made.recipe(made.view(checks))
    runner = RecipeRunner(recipe.ref, recipe.views[0], tuple(Model.load(one) for one in packages))
    frame = made.with_spot(8, 16, 8)
    outcome = runner.prepare(frame)
    assert isinstance(outcome, Prepared)
    assert [one.dtype for one in outcome.tensors] == [np.float32, np.uint8]
    frame[:] = 0  # the ring's slot belongs to the next frame
    result = runner.finish(outcome, runner.run(outcome), part=PART)
    assert result.verdict is Verdict.NG
    assert [score.score for score in result.scores] == [pytest.approx(250, abs=1e-3)] * 2
    assert result.boxes[0] == result.boxes[1]
