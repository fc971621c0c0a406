"""`edge teach`: what it writes can be judged with; what it cannot use is said, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.apps.inspect import recipes as inspecting
from edge.apps.teach import planning
from edge.cli import main
from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.domain.geometry import Polygon, Rect
from edge.domain.part import PartId
from edge.domain.recipe import Check, CheckKind, GateTiming, PictureLimits, Recipe, View
from edge.domain.verdict import Verdict
from edge.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE
from edge.learning.backbone import FAST
from edge.store.packages import import_package
from tests.unit.learning import made

QUICK = ["--backbone", FAST, "--size", "128"]
PART = PartId(station="test", epoch=1, n=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A MVTec layout with 8 good pictures."""
    good = tmp_path / "plates" / "train" / "good"
    good.mkdir(parents=True)
    for number in range(8):
        cv2.imwrite(str(good / f"plate {number}.png"), made.good(number))
    return tmp_path / "plates"


def run(folder: Path, out: Path, *more: str) -> int:
    return main(["teach", str(folder), "--name", "plate", "--out", str(out), *QUICK, *more])


def test_package_and_recipe_judge(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "plate"
    assert run(folder, out, "--json") == EXIT_OK
    report = json.loads(capsys.readouterr().out)
    assert (report["pictures"], report["input"], report["suspects"]) == (8, [128, 128], [])
    assert report["rate"] == pytest.approx(1 / 9, abs=1e-5)
    loaded = inspecting.load(inspecting.Wanted(recipe=str(out / "recipe.json")), SystemClock())
    runner = loaded.runners["top"]
    assert runner.judge(made.scratched(40), part=PART).verdict is not Verdict.OK
    assert runner.judge(cv2.resize(made.good(1), (320, 256)), part=PART).verdict is Verdict.NOT_INSPECTED


def test_one_file_and_its_recipe(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plate.zip"
    assert run(folder, out) == EXIT_OK
    said = capsys.readouterr().out
    assert "about 1 good part in 9 will be stopped" in said
    package = import_package(out, tmp_path / "models")
    check = recipes.load((tmp_path / "plate.recipe.json").read_bytes()).views[0].checks[0]
    assert (check.model, check.model_digest) == ("plate@1", package.model_digest)
    beside = ["models", "plate.pictures", "plate.recipe.json", "plate.zip", "plates"]
    assert sorted(path.name for path in tmp_path.iterdir()) == beside


def test_the_locator_of_a_recipe(folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(recipes.dump(_recipe()))
    assert run(folder, tmp_path / "out", "--recipe", str(old)) == EXIT_OK
    view = recipes.load((tmp_path / "out" / "recipe.json").read_bytes()).views[0]
    assert (view.camera, view.locate, view.checks[0].region) == (
        "left",
        made.LOCATE,
        Rect(x=20, y=0, width=120, height=128),
    )
    assert view.picture is not None
    assert view.picture.patch == Rect(x=0, y=0, width=16, height=16)
    assert view.picture.brightness_min < 80 < view.picture.brightness_max


def _two(good: Path) -> None:
    for path in sorted(good.iterdir())[2:]:
        path.unlink()


def _black(good: Path) -> None:
    cv2.imwrite(str(good / "plate 5.png"), np.zeros((made.HEIGHT, made.WIDTH, 3), np.uint8))


def _mixed(good: Path) -> None:
    cv2.imwrite(str(good / "plate 5.png"), cv2.resize(made.good(5), (80, 64)))


def _damaged(good: Path) -> None:
    (good / "plate 5.png").write_bytes(b"\x89PNG\r\n no more")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (_two, EXIT_ERROR, "holds 2 pictures; teaching needs 3"),
        (_black, EXIT_ERROR, "plate 5.png is black"),
        (_mixed, EXIT_USAGE, "plate 5.png has 80 x 64 px, the others 160 x 128"),
        (_damaged, EXIT_ERROR, "plate 5.png cannot be read as a picture"),
    ],
)
def test_bad_pictures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None], code: int, words: str,
) -> None:  # fmt: skip
    spoil(folder / "train" / "good")
    assert run(folder, tmp_path / "out") == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["plates"]


def test_parts_cut_out_one_by_one(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hardly two pictures have one size: each is taken for a part, whatever its size, and so is it judged."""
    for number in range(8):
        sized = cv2.resize(made.good(number), (150 + 4 * number, 130 - 2 * number))
        cv2.imwrite(str(folder / "train" / "good" / f"plate {number}.png"), sized)
    assert run(folder, tmp_path / "out") == EXIT_OK
    assert "the pictures have many sizes" in capsys.readouterr().out
    loaded = inspecting.load(inspecting.Wanted(recipe=str(tmp_path / "out" / "recipe.json")), SystemClock())
    runner = loaded.runners["top"]
    assert runner.judge(cv2.resize(made.scratched(40), (157, 133)), part=PART).verdict is not Verdict.OK
    assert runner.judge(cv2.resize(made.good(2), (158, 126)), part=PART).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(9, 5)] * 7 + [(8, 5)], None),
        ([(9, 5), (9, 5), (8, 5)], None),
        ([(9, 5), (7, 6), (8, 4)], (8, 5)),
        ([(width, 100 - width) for width in range(20)] + [(3, 97)], (9, 91)),
    ],
)
def test_what_is_a_mistake_and_what_was_cut_out(sizes: list[planning.Size], expected: planning.Size | None) -> None:
    assert planning.cut_out_size(sizes) == expected


def test_wrong_use(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nowhere", tmp_path / "out") == EXIT_USAGE
    assert main(["teach", str(folder), "--name", "../x", *QUICK]) == EXIT_USAGE
    assert run(folder, tmp_path / "out", "--backbone", "resnet") == EXIT_USAGE
    assert run(folder, tmp_path / "out", "--rate", "0.9") == EXIT_USAGE
    assert run(folder, folder) == EXIT_USAGE
    assert "is there already" in capsys.readouterr().err
    masked = _recipe()
    check = replace(masked.views[0].checks[0], ignore=(Polygon(points=((0, 0), (9, 0), (9, 9))),))
    (tmp_path / "old.json").write_bytes(
        recipes.dump(replace(masked, views=(replace(masked.views[0], checks=(check,)),)))
    )
    assert run(folder, tmp_path / "out", "--recipe", str(tmp_path / "old.json")) == EXIT_ERROR
    assert not (tmp_path / "out").exists()


_CHILD = """
import resource, sys
from edge.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("out", ["out", "out.zip"])
def test_a_full_disk_leaves_nothing(folder: Path, tmp_path: Path, root: Path, out: str) -> None:
    words = ["teach", str(folder), "--name", "plate", "--out", str(tmp_path / out), *QUICK]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *words], cwd=root, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == EXIT_ERROR, done.stderr
    assert "free space on the disk" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["plates"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [((576, 768), (224, 288)), ((400, 400), (256, 256)), ((2000, 200), (800, 96)), ((90, 3000), (64, 1472))],
)
def test_input_size(part: tuple[int, int], expected: tuple[int, int]) -> None:
    assert planning.input_size(*part, 256, 32) == expected


def _recipe() -> Recipe:
    check = Check(
        name="old", kind=CheckKind.ANOMALY, model="old@1", model_digest="0" * 64, unsure_from=1.0, ng_from=2.0,
        region=Rect(x=20, y=0, width=120, height=128),
    )  # fmt: skip
    patch = PictureLimits(
        patch=Rect(x=0, y=0, width=16, height=16), brightness_min=1, brightness_max=2, focus_min=1
    )  # fmt: skip
    view = View(camera="left", locate=made.LOCATE, checks=(check,), picture=patch)
    return Recipe(name="old", version=3, product="plate", views=(view,), gate=GateTiming(travel=500))


def test_doubtful_pictures_are_named_with_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = folder / "train" / "good"
    cv2.imwrite(str(good / "soft.png"), cv2.GaussianBlur(made.good(20), (0, 0), 2.0))
    cv2.imwrite(str(good / "twice.png"), made.good(3))
    assert run(folder, tmp_path / "a", "--json") == EXIT_OK
    report = json.loads(capsys.readouterr().out)
    kinds = {(flag["name"], flag["kind"], flag["of"]) for flag in report["doubts"]}
    assert {("soft.png", "blurred", ""), ("twice.png", "near_duplicate", "plate 3.png")} <= kinds
    assert report["guarantee"]["best"] == pytest.approx(1 / (report["guarantee"]["used"] + 1))
    assert run(folder, tmp_path / "b") == EXIT_OK
    said = capsys.readouterr().out
    assert "twice.png shows the same as plate 3.png" in said
    assert "can be guaranteed" in said
