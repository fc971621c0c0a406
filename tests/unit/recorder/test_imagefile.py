"""A killed writer leaves no half picture under a final name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.recorder.imagefile import UNFINISHED, ImageFolder, encode_jpeg, encode_png

_SIZE = 3_000_000
_CHILD = f"""
import sys
from pathlib import Path
from edge.recorder.imagefile import ImageFolder
folder = ImageFolder(Path(sys.argv[1]))
folder.prepare()
for n in range(10**6):
    folder.write(f"2026-01-01/-/{{n % 20}}.jpg", bytes([n % 256]) * {_SIZE}, b'{{"width":1,"height":1}}')
    if n == 0:
        print("writing", flush=True)
"""


def test_sigkill_leaves_only_whole_pictures(tmp_path: Path) -> None:
    for delay_s in (0.01, 0.037, 0.083):
        with subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay_s)
            child.send_signal(signal.SIGKILL)
        pictures = list(tmp_path.glob("2026-01-01/-/*.jpg"))
        assert pictures
        assert {path.stat().st_size for path in pictures} == {_SIZE}
        assert all(path.with_suffix(".json").exists() for path in pictures)
    ImageFolder(tmp_path).prepare()
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_empty_folders_go_with_the_last_picture(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path)
    folder.prepare()
    folder.write("2026-01-01/L1/a.jpg", b"x", b"{}")
    folder.remove("2026-01-01/L1/a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_is_the_very_pixels(channels: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (37, 53, channels), np.uint8)
    how = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    found = cv2.imdecode(np.frombuffer(encode_png(pixels), np.uint8), how)
    assert found is not None
    assert np.array_equal(found.reshape(pixels.shape), pixels)


def test_a_jpeg_keeps_fine_colour() -> None:
    """Stripes of one px in colour alone: at half the resolution they would be grey."""
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[:, ::2, 2], pixels[:, 1::2, 2] = 180, 76
    found = cv2.imdecode(np.frombuffer(encode_jpeg(pixels, 92), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    assert np.abs(found.astype(int) - pixels).mean() < 6
    grey = np.full((16, 16, 1), 90, np.uint8)
    assert encode_jpeg(grey, 92)


def test_both_kinds_of_pictures_are_found_with_their_overlays(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path)
    folder.prepare()
    folder.write("2026-01-01/L1/s1-1-1-top.jpg", b"x", b"{}")
    folder.write("2026-01-01/L1/s1-1-2-top.png", b"x", b"{}")
    (tmp_path / "2026-01-01/L1/s1-1-3-top.json").write_bytes(b"{}")
    found = sorted(folder.pictures())
    both = ["2026-01-01/L1/s1-1-1-top.jpg", "2026-01-01/L1/s1-1-2-top.png"]
    assert found == sorted([*both, *both, "2026-01-01/L1/s1-1-3-top.jpg"])
