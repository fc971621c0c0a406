"""The light barrier on recorded media: as many parts as there are, each in the frame that shows it centred.

The truth of `tests/media` was written by the renderer; the bottles were counted by eye (docs/bottles-count.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.barrier import LightBarrier
from edge.domain.barrier import BarrierSettings, Crossing

FRAME_NS = 33_333_333
BOTTLES = "intel-iot-devkit_bottle-detection.mp4"
LANES = {
    "left": ((0.03, 0.24), [351, 825]),
    "middle": ((0.38, 0.60), [674]),
    "right": ((0.74, 0.96), [1057]),
}


def lane(across: tuple[float, float]) -> BarrierSettings:
    """Bottles are put down from above, 205 px long, clear (so with gaps in them), three of them when teaching."""
    return BarrierSettings(
        axis="y",
        line=0.4,
        across=across,
        part_length_px=205.0,
        min_length_px=60.0,
        join_gap_px=40.0,
        threshold=30,
        return_window_ms=0.0,
        must_be_empty=False,
    )


def frames_of(path: Path) -> Iterator[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    try:
        while True:
            more, frame = film.read()
            if not more:
                return
            yield frame
    finally:
        film.release()


def crossings_in(path: Path, how: BarrierSettings) -> list[Crossing]:
    """`seq` counts frames from 0."""
    out: list[Crossing] = []
    barrier: LightBarrier | None = None
    for seq, frame in enumerate(frames_of(path)):
        barrier = barrier or LightBarrier(how, frame.shape[:2])
        out += barrier.feed(frame, seq=seq, exposed_at_ns=(seq + 1) * FRAME_NS)
    return out


@pytest.mark.parametrize("min_length_px", [12.0, 150.0])
@pytest.mark.parametrize("name", ["biscuit", "biscuit_stop", "carton", "ring"])
def test_our_own_lines(root: Path, name: str, min_length_px: float) -> None:
    """The first part enters while the background is taught; in `biscuit_stop` the belt stops with parts in view.

    Only the belt between the rails is looked at: the barrier's region is what an engineer draws first.
    """
    folder = root / "tests" / "media" / name
    truth = json.loads((folder / "truth.json").read_text())
    found = crossings_in(folder / "line.mp4", BarrierSettings(across=(0.15, 0.85), min_length_px=min_length_px))
    assert [crossing.n for crossing in found] == [part["n"] for part in truth["parts"]]
    for crossing, part in zip(found, truth["parts"], strict=True):
        # The nearest frame is within half of one; a quarter more for shadows and broken corners: they shift the middle.
        assert abs(crossing.seq - part["time_s"] * truth["fps"]) <= 0.75


@pytest.mark.parametrize("name", list(LANES))
def test_the_bottles(shared_data: Path, name: str) -> None:
    across, truth = LANES[name]
    seqs = [crossing.seq for crossing in crossings_in(shared_data / "media" / "video" / BOTTLES, lane(across))]
    print(f"bottles, {name}: counted in frames {seqs}, by eye in {truth}")
    assert len(seqs) == len(truth)
    assert all(abs(seq - eye) <= 1 for seq, eye in zip(seqs, truth, strict=True)), seqs


@pytest.mark.parametrize(
    ("name", "direction", "eye"),
    [
        ("intel_bolt-multi-size-detection_preview.avi", "+", [12]),
        ("intel_fruit-and-vegetable-detection_preview.avi", "-", [17, 33, 72, 92]),
    ],
)
def test_the_previews(shared_data: Path, name: str, direction: str, eye: list[int]) -> None:
    how = BarrierSettings(direction=direction, min_length_px=30.0)  # type: ignore[arg-type]
    seqs = [crossing.seq for crossing in crossings_in(shared_data / "media" / "video" / name, how)]
    assert len(seqs) == len(eye)
    assert all(abs(seq - by_eye) <= 1 for seq, by_eye in zip(seqs, eye, strict=True)), seqs
