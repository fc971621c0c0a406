"""Finding pictures, kinds and masks in an MVTec layout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import SourceError, UsageError
from edge.learning.labelled import find_pictures, read_mask


def put(path: Path, level: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((6, 8, 3), level, np.uint8))
    return path


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    for name in ("good/10.png", "good/2.png", "scratch/1.jpg", "dent/side/1.png", "dent/7.png"):
        put(folder / "test" / name)
    put(folder / "train" / "good" / "1.png")
    put(folder / "ground_truth" / "scratch" / "1_mask.png")
    put(folder / "ground_truth" / "dent" / "7.png")
    (folder / "test" / "dent" / "notes.txt").write_text("seen by the late shift")
    put(folder / "test" / "stray.png")
    put(folder / "test" / "good" / ".hidden.png")
    return folder


def test_layout(layout: Path) -> None:
    found = find_pictures(layout)
    assert [(one.name, one.kind, one.mask and one.mask.name) for one in found.pictures] == [
        ("good/2.png", "good", None),
        ("good/10.png", "good", None),
        ("dent/7.png", "dent", "7.png"),
        ("dent/side/1.png", "dent/side", None),
        ("scratch/1.jpg", "scratch", "1_mask.png"),
    ]
    assert found.passed_over == 2
    assert find_pictures(layout / "test") == found


def test_kinds_directly(layout: Path) -> None:
    bare = layout.parent / "bare"
    (layout / "test").rename(bare)
    (layout / "ground_truth").rename(bare / "ground_truth")
    found = find_pictures(bare)
    assert [one.kind for one in found.pictures] == ["good", "good", "dent", "dent/side", "scratch"]
    assert found.pictures[2].mask == bare / "ground_truth" / "dent" / "7.png"


def test_without_any(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        find_pictures(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="has no test folder"):
        find_pictures(tmp_path)
    (tmp_path / "test" / "good").mkdir(parents=True)
    with pytest.raises(SourceError, match="no pictures"):
        find_pictures(tmp_path)


def test_masks(tmp_path: Path) -> None:
    soft = np.array([[0, 3, 255], [120, 130, 0]], np.uint8)
    for level, expected in ((soft, [[0, 0, 1], [0, 1, 0]]), ((soft > 0).astype(np.uint8), [[0, 1, 1], [1, 1, 0]])):
        cv2.imwrite(str(tmp_path / "mask.png"), level)
        read = read_mask(tmp_path / "mask.png")
        assert read is not None
        np.testing.assert_array_equal(read, np.array(expected, np.bool_))
    cv2.imwrite(str(tmp_path / "mask.png"), np.zeros((2, 3), np.uint8))
    black = read_mask(tmp_path / "mask.png")
    assert black is not None
    assert not black.any()
    (tmp_path / "mask.png").write_bytes(b"\x89PNG")
    assert read_mask(tmp_path / "mask.png") is None
