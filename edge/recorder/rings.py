"""Pixels of the frames that results name, or why they cannot be had."""

from __future__ import annotations

from pathlib import Path

from edge.bus.attached import AttachedRings
from edge.bus.ring import Pixels
from edge.domain.frame import FrameRef
from edge.errors import RingError
from edge.recorder.evidence import OVERWRITTEN, RING_GONE


class Rings:
    def __init__(self, shm_dir: Path, station: str) -> None:
        self._rings = AttachedRings(shm_dir, station)

    def copy(self, frame: FrameRef) -> Pixels | str:
        """A rechecked copy of the frame's pixels, or why there is none: `overwritten` or `ring_gone`."""
        try:
            pixels = self._rings.of(frame).copy(frame.slot, frame.generation)
        except RingError:
            return RING_GONE
        return OVERWRITTEN if pixels is None else pixels

    def close(self) -> None:
        self._rings.close()
