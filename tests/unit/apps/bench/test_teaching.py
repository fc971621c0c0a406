"""What the bench says about teaching: of `edge teach` itself; how fast it is is not tested here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.apps.bench import picks, teaching
from edge.apps.bench.child import Child
from edge.errors import ServiceError


def test_a_lesson_is_timed_and_its_memory_is_its_own(tmp_path: Path) -> None:
    pictures = teaching.draw_good(tmp_path / "good", 3)
    picture = cv2.imread(str(pictures / "001.jpg"))
    assert picture is not None
    assert picture.shape == (600, 800, 3)
    ballast = np.ones(400_000_000, np.uint8)  # of this process: the other's peak must not contain it
    lesson = teaching.teach(pictures, tmp_path / "taught")
    assert ballast.size == 400_000_000
    assert lesson.seconds > 0
    assert 40 < lesson.peak_mb < 350
    assert (lesson.package / "model.onnx").is_file()
    assert 0.2 < teaching.graph_over_backbone(lesson.package, 3) < 20


def test_teaching_that_fails_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    empty = tmp_path / "good"
    empty.mkdir()
    with pytest.raises(ServiceError) as failed:
        teaching.teach(empty, tmp_path / "taught")
    assert failed.value.hint
    assert "0 pictures" in failed.value.hint


def test_a_pick_takes_time() -> None:
    picker = Child(picks.work, meanwhile=lambda: None)
    try:
        assert 0 < picker.ask(5, 60.0) < 10_000
    finally:
        picker.close()
