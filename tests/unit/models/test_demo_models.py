"""The demo's shipped models: whole, small, true to their golden parts, and good enough on parts they never saw."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from edge.apps.demo.conveyor import PX_PER_MM
from edge.apps.demo.scene import faults
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import DEFECTS, PRODUCTS, Defect
from edge.apps.demo.station import make_demo_station
from edge.apps.demo.studio import Studio
from edge.apps.demo.world import Draw
from edge.domain import recipe as recipes
from edge.domain.part import PartId
from edge.domain.result import Result
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import EXIT_OK
from edge.inference.pipeline import RecipeRunner
from edge.learning.backbone import FAST, load_backbone
from edge.store.packages import open_package
from models.tools import demo_accuracy, teach_demo
from models.tools.demo_parts import FRAME, Image, photograph, pictures, placed_parts, with_defect

SHIPPED = teach_demo.DEFAULT_OUT
EACH = pytest.mark.parametrize("product", PRODUCTS)
MAX_MODEL_BYTES = 6_000_000
SEED = 77_001  # of none of the lines that were taught from


@pytest.fixture(scope="module")
def runners() -> dict[str, RecipeRunner]:
    """Loading runs the golden parts."""
    return {product: demo_accuracy.load_runner(SHIPPED, product) for product in PRODUCTS}


def judge(runner: RecipeRunner, picture: Image, n: int) -> Result:
    return runner.judge(picture, part=PartId(station="test", epoch=1, n=n), identity=(1, n))


@EACH
def test_the_package_is_whole_and_small(product: str) -> None:
    package = open_package(SHIPPED / product / "package")
    assert package.model_path.stat().st_size < MAX_MODEL_BYTES
    labels = [golden.label for golden in package.manifest.golden]
    assert labels.count("OK") >= 2
    assert labels.count("NG") >= 2
    assert package.manifest.training is not None
    assert package.manifest.training["backbone_sha256"] == load_backbone(FAST).digest


@EACH
def test_the_recipe_is_for_it(product: str) -> None:
    recipe = recipes.load((SHIPPED / product / "recipe.json").read_bytes())
    package = open_package(SHIPPED / product / "package")
    check = recipe.views[0].checks[0]
    assert (recipe.name, recipe.product) == (product, product)
    assert (check.model, check.model_digest) == (package.manifest.reference, package.model_digest)
    assert (check.unsure_from, check.ng_from) == (package.manifest.unsure_from, package.manifest.ng_from)
    assert recipe.views[0].picture is not None


@EACH
def test_good_parts_pass_and_gross_defects_do_not(product: str, runners: dict[str, RecipeRunner]) -> None:
    found = [judge(runners[product], picture, spec.n) for spec, picture in pictures(product, SEED, 12, 0.0)]
    assert sum(result.verdict is Verdict.OK for result in found) >= 11
    assert all(result.verdict is not Verdict.NOT_INSPECTED for result in found)
    for n, kind in enumerate(DEFECTS[product], 30):
        picture = with_defect(product, SEED, n, Defect(kind=kind, severity="gross"))
        result = judge(runners[product], picture, n)
        assert result.verdict is Verdict.NG, kind
        assert result.boxes, kind


@EACH
def test_a_spoiled_picture_is_not_inspected(product: str, runners: dict[str, RecipeRunner]) -> None:
    _, picture = next(pictures(product, SEED, 1, 0.0))
    dark = judge(runners[product], faults.black(picture), 60)
    assert (dark.verdict, dark.reasons[0].code) == (Verdict.NOT_INSPECTED, ReasonCode.TOO_DARK)
    first = judge(runners[product], picture, 61)
    frozen = judge(runners[product], picture, 62)
    assert first.verdict is not Verdict.NOT_INSPECTED
    assert frozen.reasons[0].code is ReasonCode.FROZEN


def test_the_station_of_the_demo_takes_them(tmp_path: Path) -> None:
    station = make_demo_station(tmp_path / "demo", product="ring")
    assert station.recipe.name == "ring"


def test_accuracy_is_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--product", "biscuit", "--parts", "40", "--seed", str(SEED), "--json"]
    assert demo_accuracy.main(arguments) == EXIT_OK
    report = json.loads(capsys.readouterr().out)
    assert sum(report["verdicts"].values()) == report["parts"] == 40
    defective = sum(row[1] for row in report["escapes"].values())
    assert report["good"] + defective == 40
    assert sum(row[1] for kind in report["escapes_by_kind"].values() for row in kind.values()) == defective


def test_parts_are_those_of_the_virtual_line() -> None:
    """Same seed, same parts; each picture has its own number and noise."""
    first = list(pictures("ring", 5, 3, 0.12))
    again = list(pictures("ring", 5, 3, 0.12))
    assert [spec.n for spec, _ in first] == [1, 2, 3]
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))


def test_pictures_are_those_of_its_camera() -> None:
    placed = next(placed_parts("biscuit", 5, 0.12))
    studio = Studio(Renderer("biscuit", 5, FRAME))
    taken = None
    try:
        studio.order(Draw(spec=placed.spec, belt_px=placed.at_mm * PX_PER_MM))
        deadline = time.monotonic() + 60
        while taken is None and time.monotonic() < deadline:
            taken = studio.take(placed.spec.n)
            time.sleep(0.005)
    finally:
        studio.close()
    assert taken is not None
    assert np.array_equal(taken, photograph(Renderer("biscuit", 5, FRAME), placed))


def test_teaching_again_gives_a_package_that_judges(tmp_path: Path) -> None:
    """One line only, into another folder; a second time it replaces the first."""
    for _ in range(2):
        assert teach_demo.write("biscuit", tmp_path / "biscuit", lines=1) == tmp_path / "biscuit"
    assert sorted(path.name for path in (tmp_path / "biscuit").iterdir()) == ["package", "recipe.json"]
    runner = demo_accuracy.load_runner(tmp_path, "biscuit")
    broken = with_defect("biscuit", SEED, 9, Defect(kind="broken", severity="gross"))
    assert judge(runner, broken, 9).verdict is Verdict.NG
