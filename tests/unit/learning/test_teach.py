"""Taught from drawn parts: it finds a scratch, its package is accepted, its recipe judges with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.part import PartId
from edge.domain.recipe import LocateKind, Polarity
from edge.domain.verdict import Verdict
from edge.errors import ModelError, SourceError, UsageError
from edge.inference.loading import ModelShelf, load_recipe
from edge.inference.pipeline import RecipeRunner
from edge.learning.backbone import FAST, load_backbone
from edge.learning.package import KnownDefect, write_taught
from edge.learning.recipe import make_recipe
from edge.learning.teach import Plan, Taught, Teacher, blocks
from edge.settings.station import Inference
from edge.store.packages import open_package
from tests.unit.learning import made

BACKBONE = load_backbone(FAST)
PLAN = Plan(locate=made.LOCATE, preprocess=BACKBONE.preprocess(160, 128))
PART = PartId(station="test", epoch=1, n=1)


def teacher(count: int, plan: Plan = PLAN) -> Teacher:
    one = Teacher(plan, BACKBONE)
    for number in range(count):
        one.show(made.good(number), f"good {number}")
    return one


@pytest.fixture(scope="module")
def taught() -> Taught:
    return teacher(24).learn()


def runner(taught: Taught, folder: Path) -> RecipeRunner:
    package = write_taught(taught, folder / "package", name="plate", defects=[_defect()])
    recipe = recipes.load(recipes.dump(make_recipe(taught, package, name="plate", product="plate")))
    shelf = ModelShelf(lambda reference: open_package(folder / "package"), Inference(threads=1), SystemClock())
    return load_recipe(recipe, shelf).runners["top"]


def _defect() -> KnownDefect:
    return KnownDefect(frame=made.scratched(77), name="scratch")


def test_it_tells_good_from_scratched(taught: Taught, tmp_path: Path) -> None:
    judge = runner(taught, tmp_path)
    good = [judge.judge(made.good(number), part=PART) for number in range(100, 120)]
    bad = [judge.judge(made.scratched(number), part=PART) for number in range(100, 120)]
    assert sum(result.verdict is Verdict.OK for result in good) >= 16  # 24 pictures promise 1 in 25
    assert all(result.verdict is not Verdict.OK for result in bad)
    assert all(result.boxes for result in bad)
    box = bad[0].boxes[0]
    assert box.x < 80 < box.x + box.width
    assert box.y < 90 < box.y + box.height


def test_scores_of_pictures_left_out_are_those_of_new_parts(taught: Taught, tmp_path: Path) -> None:
    """Else the limits, which are from the former, would promise what the latter do not keep."""
    judge = runner(taught, tmp_path)
    fresh = [judge.judge(made.good(number), part=PART).scores[0].score for number in range(200, 230)]
    left_out = [one.score for one in taught.scored]
    assert np.median(fresh) == pytest.approx(np.median(left_out), rel=0.06)
    assert np.quantile(fresh, 0.9) == pytest.approx(np.quantile(left_out, 0.9), rel=0.1)


def test_the_package_holds_good_and_ng_golden_parts(taught: Taught, tmp_path: Path) -> None:
    package = write_taught(taught, tmp_path / "p", name="plate", defects=[_defect()])
    labels = [one.label for one in package.manifest.golden]
    assert labels.count("OK") >= 2
    assert labels.count("NG") == 1
    papers = {"model.onnx", "CARD.md", "LICENSE", "NOTICE"}
    files = {one for one in package.manifest.files if not one.startswith("memory/")}
    assert files == papers | {one.file for one in package.manifest.golden}
    card = (package.folder / "CARD.md").read_text()
    assert "taught with | 24 pictures" in card
    assert "| method | PatchCore" in card
    assert "| position | counts: " in card
    assert "| bank | 1000 patches of 7680, 64 components each |" in card
    assert package.manifest.training is not None
    assert (package.manifest.training["bank"], package.manifest.training["place_weight"]) == (1000, 5.0)


def test_the_same_pictures_give_the_same_package(taught: Taught, tmp_path: Path) -> None:
    first = write_taught(taught, tmp_path / "a", name="plate")
    second = write_taught(teacher(24).learn(), tmp_path / "b", name="plate")
    assert first.digest == second.digest


def test_a_package_is_never_written_over(taught: Taught, tmp_path: Path) -> None:
    write_taught(taught, tmp_path / "p", name="plate")
    with pytest.raises(ModelError, match="there already"):
        write_taught(taught, tmp_path / "p", name="plate")


def test_a_defective_part_among_the_good_is_named() -> None:
    one = teacher(15)
    one.show(made.scratched(3), "the odd one")
    one.show(made.good(90), "good again")
    assert one.learn().suspects == ("the odd one",)


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_pictures(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} good pictures are too few"):
        teacher(count).learn()


def test_three_pictures_do() -> None:
    found = teacher(3).learn()
    assert 0 < found.limits.unsure_from < found.limits.ng_from
    assert found.limits.rate == pytest.approx(0.25)


def test_what_cannot_be_taught_with_is_named_and_left_out() -> None:
    one = teacher(3)
    with pytest.raises(SourceError, match=r"dark\.png is black"):
        one.show(np.zeros((made.HEIGHT, made.WIDTH, 3), np.uint8), "dark.png")
    with pytest.raises(SourceError, match=r"flat\.png is of one colour"):
        one.show(np.full((made.HEIGHT, made.WIDTH, 3), 90, np.uint8), "flat.png")
    with pytest.raises(UsageError, match=r"big\.png has 320 x 256 px, the others 160 x 128"):
        one.show(cv2.resize(made.good(1), (320, 256)), "big.png")
    assert len(one.learn().scored) == 3


def test_a_part_that_the_locator_does_not_find_is_said() -> None:
    locate = replace(
        made.LOCATE, kind=LocateKind.BLOB, polarity=Polarity.BRIGHT, width_px=96, height_px=96, min_area_px=3000
    )
    one = Teacher(Plan(locate=locate, preprocess=BACKBONE.preprocess(96, 96)), BACKBONE)
    one.show(made.good(1), "good")
    empty = np.clip(np.random.default_rng(1).normal(80, 3, (made.HEIGHT, made.WIDTH, 3)), 0, 255).astype(np.uint8)
    with pytest.raises(SourceError, match="empty: the part was not found"):
        one.show(empty, "empty")


def test_the_background_patch_sets_the_picture_limits() -> None:
    patch = Rect(x=0, y=0, width=24, height=24)
    limits = teacher(5, replace(PLAN, patch=patch)).learn().picture
    assert limits is not None
    assert limits.brightness_min < 80 < limits.brightness_max
    assert limits.focus_min > 0
    with pytest.raises(UsageError, match="patch lies outside"):
        teacher(1, replace(PLAN, patch=Rect(x=150, y=0, width=24, height=24)))


@pytest.mark.parametrize("count", [3, 12, 13, 100])
def test_each_picture_is_left_out_once(count: int) -> None:
    assert [row for block in blocks(count) for row in block] == list(range(count))
    assert all(len(block) < count / 2 for block in blocks(count))


def test_progress_reaches_its_end() -> None:
    seen: list[tuple[int, int]] = []
    teacher(4).learn(lambda done, steps: seen.append((done, steps)))
    assert seen[-1] == (9, 9)  # four pictures, each left out once, and the graph
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
