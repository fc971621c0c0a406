"""Small pictures from a real ring: never of a frame that was overwritten meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bus.ring import RingSpec, RingWriter
from edge.domain.frame import FrameRef
from edge.panel.pictures import LONGEST_PX, Pictures


@pytest.fixture
def ring(tmp_path: Path, station: str) -> Iterator[RingWriter]:
    spec = RingSpec(station=station, camera="top", epoch=3, slots=2, height=600, width=2000, channels=3)
    ring = RingWriter.create(tmp_path, spec)
    yield ring
    ring.close()


@pytest.fixture
def pictures(tmp_path: Path, station: str) -> Iterator[Pictures]:
    pictures = Pictures(tmp_path, station)
    yield pictures
    pictures.close()


def expose(ring: RingWriter, slot: int, level: int) -> FrameRef:
    ring.begin(slot)[:] = level
    generation = ring.commit(slot, seq=1, exposed_at_ns=5)
    return FrameRef(camera="top", epoch=3, slot=slot, generation=generation, seq=1, exposed_at_ns=5, error_ns=0)


def test_a_large_frame_is_shrunk_whole(ring: RingWriter, pictures: Pictures) -> None:
    small = pictures.small(expose(ring, 0, 120))
    assert small is not None
    assert (small.width, small.height, small.frame_width, small.frame_height) == (LONGEST_PX, 288, 2000, 600)
    decoded = cv2.imdecode(np.frombuffer(small.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (288, LONGEST_PX, 3)
    assert abs(float(decoded.mean()) - 120) < 2


def test_an_overwritten_frame_gives_no_picture(ring: RingWriter, pictures: Pictures) -> None:
    frame = expose(ring, 0, 120)
    ring.begin(0)
    assert pictures.small(frame) is None, "pixels change just now"
    ring.commit(0, seq=2, exposed_at_ns=6)
    assert pictures.small(frame) is None, "it is another frame"


def test_a_ring_that_is_gone_or_was_made_anew(ring: RingWriter, pictures: Pictures, tmp_path: Path) -> None:
    frame = expose(ring, 1, 50)
    assert pictures.small(replace(frame, epoch=4)) is None
    assert pictures.small(replace(frame, camera="side")) is None
    assert pictures.small(replace(frame, slot=7)) is None
    assert pictures.small(frame) is not None
    with_next = RingWriter.create(tmp_path, replace(ring.spec, epoch=4, height=60, width=80))
    with_next.begin(0)[:] = 9
    generation = with_next.commit(0, seq=1, exposed_at_ns=5)
    small = pictures.small(replace(frame, epoch=4, slot=0, generation=generation))
    with_next.close()
    assert small is not None
    assert (small.width, small.height) == (80, 60)
