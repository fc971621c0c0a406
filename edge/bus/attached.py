"""The newest ring of each camera, attached when first needed: for those who read a frame that a result names."""

from __future__ import annotations

from pathlib import Path

from edge.bus.ring import RingReader
from edge.domain.frame import FrameRef


class AttachedRings:
    """One reader for each camera; a camera that started anew takes the place of its older ring. One thread."""

    def __init__(self, shm_dir: Path, station: str) -> None:
        self._shm_dir = shm_dir
        self._station = station
        self._rings: dict[str, RingReader] = {}

    def of(self, frame: FrameRef) -> RingReader:
        """The ring that this frame lies in. RingError when it is gone."""
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
