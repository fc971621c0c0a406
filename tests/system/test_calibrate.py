"""`edge calibrate` as people call it: lens, scale, check, flat, target; what goes wrong leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.boards import Board
from edge.domain.calibration import BoardKind
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EXIT_USAGE
from edge.store.profiles import find_profile, open_profile
from tests.unit.calibration.rendered import VIEWS, Camera, photo

pytestmark = pytest.mark.system

CAMERA = Camera()
BOARD = Board(kind=BoardKind.CHARUCO, columns=10, rows=7, square_mm=20, marker_mm=15)
SHOWN = ("--board", "charuco", "--squares", "10x7", "--square-mm", "20", "--marker-mm", "15")


def calibrate(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", "calibrate", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == EXIT_OK, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def photos(folder: Path, count: int = 9) -> Path:
    folder.mkdir()
    for number, (turn, middle, distance) in enumerate(VIEWS[:count]):
        picture = photo(CAMERA, BOARD, turn=turn, middle=middle, distance=distance, seed=number)
        cv2.imwrite(str(folder / f"view-{number}.png"), picture)
    return folder


def on_the_belt(path: Path, seed: int = 50) -> Path:
    cv2.imwrite(str(path), photo(CAMERA, BOARD, turn=(0.3, 0, 0), middle=(0.5, 0.5), distance=400, seed=seed))
    return path


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder of profiles with top@1, and what the command said."""
    work = tmp_path_factory.mktemp("calibrated")
    folder = photos(work / "views")
    cv2.imwrite(str(folder / "wall.png"), np.full((600, 800), 120, np.uint8))
    cv2.imwrite(str(folder / "small.png"), np.full((300, 400), 120, np.uint8))
    (folder / "torn.png").write_bytes(b"\x89PNG torn")
    done = calibrate("lens", folder, *SHOWN, "--profiles", work / "profiles", "--name", "top", "--by", "Lan", "--json")
    return work / "profiles", answer(done)


def test_lens(calibrated: tuple[Path, dict[str, object]]) -> None:
    profiles, said = calibrated
    assert said["views_found"] == said["views_used"] == 9
    assert said["views_total"] == 12
    refused = {one["file"]: one["why"] for one in said["refused"]}  # type: ignore[attr-defined]
    assert set(refused) == {"wall.png", "small.png", "torn.png"}
    assert "no marker" in refused["wall.png"]
    assert "400 x 300 px, the others 800 x 600" in refused["small.png"]
    stored = find_profile(profiles, "top")
    assert str(stored.folder) == said["profile"]
    lens = stored.profile.lens
    assert lens is not None
    assert lens.fx == pytest.approx(CAMERA.fx, rel=0.005)
    assert (stored.profile.by, stored.profile.width, stored.profile.height) == ("Lan", 800, 600)


def test_scale_then_check(calibrated: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    profiles, _ = calibrated
    image = on_the_belt(tmp_path / "belt.png")
    said = answer(calibrate("scale", image, *SHOWN, "--profile", "top@1", "--profiles", profiles, "--json"))
    assert said["max_mm"] < 0.2  # type: ignore[operator]
    stored = open_profile(Path(str(said["profile"]))).profile
    assert (stored.parent, stored.lens is not None, stored.plane is not None) == (1, True, True)
    other = on_the_belt(tmp_path / "other.png", seed=51)
    found = answer(calibrate("check", other, "--profile", "top", "--profiles", profiles, *SHOWN, "--json"))
    assert abs(found["scale_error"]) < 0.001  # type: ignore[arg-type]
    assert found["ok"] is True
    wrong = [word if word != "20" else "20.2" for word in SHOWN]
    done = calibrate("check", other, "--profile", "top", "--profiles", profiles, *wrong, "--json")
    assert done.returncode == EXIT_NO, done.stderr
    assert json.loads(done.stdout)["ok"] is False


def test_flat_keeps_the_lens(calibrated: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    profiles, _ = calibrated
    frames = [tmp_path / f"flat-{n}.png" for n in range(3)]
    for number, path in enumerate(frames):
        noise = np.random.default_rng(number).normal(170, 1.5, (600, 800, 3))
        cv2.imwrite(str(path), noise.clip(0, 255).astype(np.uint8))
    said = answer(calibrate("flat", *frames, "--profile", "top@1", "--profiles", profiles, "--json"))
    stored = open_profile(Path(str(said["profile"])))
    assert stored.profile.lens is not None
    assert set(stored.pictures) == {"flat.png"}
    # A lens solved anew goes on from it, and keeps the light.
    folder = photos(tmp_path / "views", 6)
    words = ("--profiles", profiles, "--name", "top", "--start-from", stored.profile.reference, "--json")
    again = open_profile(Path(str(answer(calibrate("lens", folder, *SHOWN, *words))["profile"])))
    assert set(again.pictures) == {"flat.png"}


def test_another_resolution_is_refused(calibrated: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    profiles, _ = calibrated
    small = tmp_path / "small.png"
    picture = cv2.imread(str(on_the_belt(tmp_path / "belt.png")))
    cv2.imwrite(str(small), cv2.resize(picture, (640, 480)))
    before = sorted(one.name for one in profiles.iterdir())
    done = calibrate("scale", small, *SHOWN, "--profile", "top@1", "--profiles", profiles)
    assert done.returncode == EXIT_ERROR
    assert "for 800 x 600 px, not 640 x 480" in done.stderr
    assert sorted(one.name for one in profiles.iterdir()) == before


def test_no_board_writes_nothing(tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((480, 640), 120, np.uint8))
    done = calibrate("lens", wall, "--squares", "9x6", "--square-mm", "25", "--profiles", tmp_path / "profiles")
    assert done.returncode == EXIT_ERROR
    assert "found in none of 1 pictures" in done.stderr
    assert not (tmp_path / "profiles").exists()


def test_too_few_views_write_nothing(tmp_path: Path) -> None:
    done = calibrate("lens", photos(tmp_path / "views", 3), *SHOWN, "--profiles", tmp_path / "profiles")
    assert done.returncode == EXIT_ERROR
    assert "3 usable views" in done.stderr
    assert not (tmp_path / "profiles").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("lens", "nowhere", "--squares", "9x6", "--square-mm", "25"), "no picture or folder"),
        (("lens", ".", "--squares", "9by6", "--square-mm", "25"), "not columns x rows"),
        (("target", "--out", "board.png", "--squares", "9x6", "--mm", "25"), "neither .svg nor .pdf"),
        (("target", "--out", "nowhere/board.pdf", "--squares", "9x6", "--mm", "25"), "no folder"),
    ],
)
def test_wrong_use(words: tuple[str, ...], told: str) -> None:
    done = calibrate(*words)
    assert done.returncode == EXIT_USAGE, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_target(tmp_path: Path, form: str) -> None:
    out = tmp_path / f"board.{form}"
    said = answer(calibrate("target", "--kind", "charuco", "--squares", "8x5", "--mm", "25", "--out", out, "--json"))
    assert said["width_mm"] == 8 * 25 + 24
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("folder", "squares", "found", "total", "bar"),
    [("chessboard_opencv_left", "9x6", 7, 9, 0.26), ("chessboard_udacity_wide", "8x6", 35, 37, 0.55)],
)
def test_real_boards(
    shared_data: Path, tmp_path: Path, folder: str, squares: str, found: int, total: int, bar: float
) -> None:
    images = shared_data / "media/calibration" / folder
    words = ("--squares", squares, "--square-mm", "25", "--profiles", tmp_path, "--json")
    said = answer(calibrate("lens", images, *words))
    assert said["views_total"] == total
    assert said["views_used"] >= found  # type: ignore[operator]
    assert said["rms_px"] <= bar  # type: ignore[operator]
