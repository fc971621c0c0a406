"""A folder of images as a camera."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.capture.camera import Shot
from edge.capture.folder import FolderCamera, natural
from edge.clock import MS, SECOND, ManualClock
from edge.errors import SourceError, SourceLost
from edge.settings.station import Camera as CameraSettings
from tests.contract.camera_rigs import HEIGHT, WIDTH, drawn, write_folder

START_NS = 7 * SECOND


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pictures")
    return tmp_path / "pictures"


def camera_of(path: Path, clock: ManualClock, **more: Any) -> FolderCamera:
    table = {"name": "top", "kind": "folder", "source": str(path), "rate_fps": 50.0} | more
    return FolderCamera(CameraSettings(**({"width": WIDTH, "height": HEIGHT} | table)), clock)


def show(camera: FolderCamera, count: int) -> list[tuple[Shot, np.ndarray]]:
    out = []
    while len(out) < count:
        place = np.zeros(camera.facts.shape, np.uint8)
        shot = camera.read(lambda place=place: place, 0.05)
        if shot is not None:
            out.append((shot, place))
    return out


def numbers(shown: list[tuple[Shot, np.ndarray]]) -> list[int]:
    return [(int(place[4, -4, 0]) - 20) // 30 for _, place in shown]


def test_names_sort_as_people_count() -> None:
    names = ["b", "a10.png", "a2.png", "A1.png", "2.png", "10.png", "a2b3.png", "a02.png", ""]
    expected = ["", "2.png", "10.png", "A1.png", "a02.png", "a2.png", "a2b3.png", "a10.png", "b"]
    assert sorted(names, key=natural) == expected


def test_pictures_come_in_order_at_the_rated_speed(path: Path, clock: ManualClock) -> None:
    (path / "part3.png").rename(path / "part30.png")
    (path / "notes.txt").write_text("no picture")
    (path / ".part9.png").write_bytes(b"hidden")
    camera = camera_of(path, clock)
    camera.open()
    shown = show(camera, 6)
    assert numbers(shown) == [0, 1, 2, 4, 5, 3]
    assert [shot.exposed_at_ns for shot, _ in shown] == [START_NS + k * 20 * MS for k in range(6)]


def test_free_shows_a_picture_at_each_asking(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, pace="free")
    camera.open()
    assert numbers(show(camera, 6)) == [0, 1, 2, 3, 4, 5]
    assert clock.now_ns() - START_NS < MS


def test_what_cannot_be_read_is_named_counted_and_passed_over(
    path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    (path / "part1.png").write_bytes(b"not a picture")
    (path / "part2.png").write_bytes(b"")
    (path / "part3.png").write_bytes((path / "part4.png").read_bytes()[:40])
    camera = camera_of(path, clock)
    camera.open()
    with caplog.at_level(logging.WARNING):
        assert numbers(show(camera, 3)) == [0, 4, 5]
    assert camera.counts.unreadable == 3
    assert all(f"part{n}.png cannot be read" in caplog.text for n in (1, 2, 3))


def test_a_wrong_size_on_the_way_is_named_counted_and_passed_over(path: Path, clock: ManualClock) -> None:
    cv2.imwrite(str(path / "part1.png"), drawn(1, 20, 30))
    camera = camera_of(path, clock)
    camera.open()
    assert numbers(show(camera, 2)) == [0, 2]
    assert camera.counts.wrong_size == 1
    assert "part1.png is 30x20, promised were 64x48" in camera.counts.refusal


def test_a_wrong_size_at_the_start_is_an_error_that_names_all(path: Path, clock: ManualClock) -> None:
    (path / "part0.png").write_bytes(b"not a picture")
    with pytest.raises(SourceError, match=r"part1\.png is 64x48, promised were 30x20") as refused:
        camera_of(path, clock, width=30, height=20).open()
    assert "width = 64 and height = 48" in refused.value.hint


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_become_what_was_promised(tmp_path: Path, clock: ManualClock, channels: int) -> None:
    grey = np.full((HEIGHT, WIDTH), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "0.png"), grey)
    cv2.imwrite(str(tmp_path / "1.png"), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    cv2.imwrite(str(tmp_path / "2.png"), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA))
    cv2.imwrite(str(tmp_path / "3.png"), grey.astype(np.uint16) * 256)
    camera = camera_of(tmp_path, clock, channels=channels)
    camera.open()
    for _, place in show(camera, 4):
        assert place.shape == (HEIGHT, WIDTH, channels)
        assert np.all(place == 90)


def test_no_folder_no_pictures_no_good_ones(tmp_path: Path, clock: ManualClock) -> None:
    camera = camera_of(tmp_path / "pictures", clock)
    with pytest.raises(SourceError, match="there is no folder"):
        camera.open()
    (tmp_path / "pictures").mkdir()
    with pytest.raises(SourceError, match="there are no pictures"):
        camera.open()
    (tmp_path / "pictures" / "a.png").write_bytes(b"not a picture")
    with pytest.raises(SourceError, match=r"no picture in .* can be read"):
        camera.open()


def test_the_end_is_a_loss_and_the_same_pictures_are_not_shown_again(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock)
    camera.open()
    show(camera, 6)
    with pytest.raises(SourceLost, match="were shown"):
        show(camera, 1)
    with pytest.raises(SourceError, match="were shown"):
        camera.open()
    write_folder(path, count=1, first=6)
    camera.open()
    assert len(show(camera, 7)) == 7


def test_a_loop_sees_what_was_added(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, loop=True)
    camera.open()
    show(camera, 6)
    write_folder(path, count=1, first=6)
    shown = show(camera, 8)
    assert numbers(shown) == [0, 1, 2, 3, 4, 5, 6, 0]
    assert shown[0][0].media_ns == 6 * 20 * MS


def test_a_folder_that_goes_is_lost_at_once(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, loop=True)
    camera.open()
    show(camera, 2)
    shutil.rmtree(path)
    with pytest.raises(SourceLost, match="is gone"):
        show(camera, 2)
    write_folder(path)
    camera.open()
    assert numbers(show(camera, 1)) == [0]


def test_a_loop_over_nothing_good_ends(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, loop=True)
    camera.open()
    show(camera, 6)
    for file in path.iterdir():
        file.write_bytes(b"not a picture")
    with pytest.raises(SourceLost, match="can be shown"):
        show(camera, 1)
    assert camera.counts.unreadable == 6
