"""The newest ring of each camera, attached when first needed."""

from __future__ import annotations

from pathlib import Path

from edge.bus.ring import Pixels, RingReader
from edge.domain.frame import FrameRef
from edge.errors import RingError
from edge.recorder.evidence import OVERWRITTEN, RING_GONE


class Rings:
    def __init__(self, shm_dir: Path, station: str) -> None:
        self._shm_dir = shm_dir
        self._station = station
        self._rings: dict[str, RingReader] = {}

    def copy(self, frame: FrameRef) -> Pixels | str:
        """A rechecked copy of the frame's pixels, or why there is none: `overwritten` or `ring_gone`."""
        try:
            pixels = self._ring(frame).copy(frame.slot, frame.generation)
        except RingError:
            return RING_GONE
        return OVERWRITTEN if pixels is None else pixels

    def _ring(self, frame: FrameRef) -> RingReader:
        known = self._rings.get(frame.camera)
        if known is not None and known.spec.epoch == frame.epoch:
            return known
        ring = RingReader.attach(self._shm_dir, self._station, frame.camera, frame.epoch)
        if known is not None:
            known.close()
        self._rings[frame.camera] = ring
        return ring

    def close(self) -> None:
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
