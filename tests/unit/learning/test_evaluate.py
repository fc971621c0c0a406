"""What is counted, and what is counted apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edge.clock import SystemClock
from edge.domain.geometry import Rect
from edge.domain.recipe import Locate
from edge.inference.pipeline import RecipeRunner
from edge.inference.session import Model
from edge.learning.evaluate import Evaluation, evaluate
from edge.learning.examine import Examiner, package_check, whole_frame, with_recipe
from edge.learning.figures import Share
from edge.learning.labelled import find_pictures
from tests.unit.inference import made
from tests.unit.inference.made import Pixels


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.load(made.package(tmp_path / "models"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "set"


def put(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def mask(x: int, y: int, size: int, side: int = made.SIDE) -> Pixels:
    return made.with_spot(x, y, size, side=side, ground=0, spot=255)


def levels(folder: Path, kind: str, *values: int) -> None:
    for value in values:
        put(folder / "test" / kind / f"{value}.png", made.level(value))


def tried(folder: Path, model: Model) -> Evaluation:
    check = package_check(model.manifest, model.digest)
    return evaluate(find_pictures(folder), Examiner(whole_frame(model, check), SystemClock()))


def test_rates_and_ranking(folder: Path, model: Model) -> None:
    """UNSURE from 100, NG from 150."""
    levels(folder, "good", 20, 40, 60, 120, 160)
    levels(folder, "dent", 60, 99, 140)
    levels(folder, "burn", 200, 210)
    found = tried(folder, model)
    figures = found.figures
    assert (figures.good, figures.defect) == (5, 5)
    assert figures.false_rejects == Share(count=2, of=5)
    assert figures.escapes == Share(count=2, of=5)
    assert figures.escapes.value == 0.4
    assert figures.escapes.interval == (pytest.approx(0.0527, abs=1e-4), pytest.approx(0.8534, abs=1e-4))
    # 60 beats 2.5 of 5 good ones, 99 three, 140 four, the burns all.
    assert figures.image_auroc == pytest.approx((2.5 + 3 + 4 + 5 + 5) / 25)
    assert list(figures.per_defect) == ["burn", "dent"]
    dent = figures.per_defect["dent"]
    assert dent.verdicts == {"OK": 2, "NG": 0, "UNSURE": 1, "NOT_INSPECTED": 0}
    assert (dent.n, dent.escaped, dent.auroc) == (3, Share(count=2, of=3), pytest.approx(9.5 / 15))
    assert (figures.au_pro, figures.pixel_auroc) == (None, None)
    assert figures.masks.missing == 5
    assert [one.picture.name for one in found.escapes()] == ["dent/60.png", "dent/99.png"]
    assert [one.picture.name for one in found.false_rejects()] == ["good/160.png", "good/120.png"]
    assert figures.latency_ms.p50 is not None
    assert figures.latency_ms.p99 is not None
    assert found.complete


def test_maps_against_masks(folder: Path, model: Model) -> None:
    """Spots that fill cells of the map: the map cannot be better, but for what runs out between two cells."""
    levels(folder, "good", 40)
    put(folder / "test" / "spot" / "1.png", made.with_spot(16, 24, 16))
    put(folder / "ground_truth" / "spot" / "1_mask.png", mask(16, 24, 16))
    found = tried(folder, model).figures
    assert found.au_pro is not None
    assert found.pixel_auroc is not None
    assert found.au_pro > 0.95
    assert found.pixel_auroc > 0.99
    assert (found.masks.used, found.masks.regions, found.masks.missing) == (1, 1, 0)


def test_masks_elsewhere_say_that_the_map_is_wrong(folder: Path, model: Model) -> None:
    put(folder / "test" / "spot" / "1.png", made.with_spot(0, 0, 16))
    put(folder / "ground_truth" / "spot" / "1.png", mask(40, 40, 8))
    found = tried(folder, model).figures
    assert found.au_pro is not None
    assert found.au_pro < 0.2
    assert (found.image_auroc, found.average_precision, found.false_rejects.value) == (None, None, None)
    assert found.escapes == Share(count=0, of=1)


def test_what_cannot_be_used_is_named(folder: Path, model: Model) -> None:
    levels(folder, "good", 40)
    (folder / "test" / "good" / "damaged.png").write_bytes(b"\x89PNG\r\n no more")
    for name in ("black", "damaged", "fine", "maskless", "small"):
        put(folder / "test" / "spot" / f"{name}.png", made.with_spot(16, 24, 16))
    truth = folder / "ground_truth" / "spot"
    put(truth / "black_mask.png", made.level(0))
    put(truth / "fine_mask.png", mask(16, 24, 16))
    put(truth / "small_mask.png", mask(0, 0, 8, side=32))
    (truth / "damaged_mask.png").write_bytes(b"")
    found = tried(folder, model)
    assert found.unreadable == ("good/damaged.png",)
    masks = found.figures.masks
    assert masks.unreadable == ("spot/damaged.png",)
    assert masks.other_size == ("spot/small.png",)
    assert (masks.used, masks.missing, masks.black, masks.mapless) == (1, 1, 1, 0)
    assert (found.figures.good, found.figures.defect) == (1, 5)


def test_parts_that_are_not_inspected_are_in_no_rate(folder: Path, model: Model) -> None:
    """Frames of another size than the recipe's, or with nothing where the part should be."""
    levels(folder, "good", 40)
    put(folder / "test" / "good" / "wide.png", made.level(40, 80))
    put(folder / "test" / "spot" / "wide.png", made.level(250, 80))
    put(folder / "ground_truth" / "spot" / "wide.png", mask(0, 0, 8, side=80))
    locate = Locate(search=Rect(x=0, y=0, width=64, height=64), width_px=64, height_px=64)
    check = package_check(model.manifest, model.digest)
    view = made.view((check,), locate=locate, frame_width=64, frame_height=64)
    examiner = Examiner(with_recipe(RecipeRunner(made.recipe(view).ref, view, (model,))), SystemClock())
    figures = evaluate(find_pictures(folder), examiner).figures
    apart = figures.not_inspected
    assert (apart.good, apart.defect, apart.reasons) == (1, 1, {"bad_frame": 2})
    assert (figures.false_rejects, figures.escapes) == (Share(count=0, of=1), Share(count=0, of=0))
    assert (figures.escapes.value, figures.escapes.interval) == (None, None)
    assert figures.masks.mapless == 2
    assert figures.au_pro is None


def test_it_ends_when_it_is_told_to(folder: Path, model: Model) -> None:
    levels(folder, "good", 20, 40, 60)
    told: list[tuple[int, int]] = []

    def go_on(done: int, total: int) -> bool:
        told.append((done, total))
        return done < 2

    check = package_check(model.manifest, model.digest)
    found = evaluate(find_pictures(folder), Examiner(whole_frame(model, check), SystemClock()), go_on)
    assert not found.complete
    assert len(found.seen) == 2
    assert told == [(0, 3), (1, 3), (2, 3)]
    assert found.unreadable == ()
