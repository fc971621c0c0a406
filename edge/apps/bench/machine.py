"""The least of a machine around a real station: a belt that runs, a sensor and a camera whose pictures are there.

It gives parts when told and takes no part in deciding. As with a real camera the pictures lie in the driver's buffers
(a ring of its own); capture copies each one from there to its slot.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from edge.bus import topics, wire
from edge.bus.iopage import OutputPage
from edge.bus.ring import Pixels, RingSpec, RingWriter
from edge.bus.sockets import Bus
from edge.clock import MS, Clock
from edge.domain.frame import FrameRef
from edge.line.simulated import PAGE_NAME
from edge.settings.station import Station

_LEVELS_NS = 100 * MS
_STAMP_ERROR_NS = 50_000


class Machine:
    """`turn` often (levels ten times a second), `part` for each part. frames: (height, width, 3) uint8, by turns."""

    def __init__(self, bus: Bus, station: Station, frames: Sequence[Pixels], clock: Clock) -> None:
        camera = station.camera[0]
        self._clock = clock
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as building:
            self._page = OutputPage.create(station.run_dir / PAGE_NAME)
            building.callback(self._page.close)
            self._inputs = bus.publisher(topics.SIM_INPUTS)
            self._announce = bus.publisher(topics.SIM_FRAMES, camera.name)
            height, width, channels = frames[0].shape
            self._spec = RingSpec(
                station=station.name, camera=f"sim-{camera.name}", epoch=clock.now_ns() // MS,
                slots=len(frames), height=height, width=width, channels=channels,
            )  # fmt: skip
            ring = RingWriter.create(station.shm_dir, self._spec)
            building.callback(ring.close)
            self._generations = [_fill(ring, slot, frame) for slot, frame in enumerate(frames)]
            self._undo = building.pop_all()
        self._seq = 0
        self._levels_ns = 0

    def turn(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns - self._levels_ns >= _LEVELS_NS:
            self._levels_ns = now_ns
            self._inputs.send(wire.InputLevels(belt=True, bin_full=False, sensor=False, ticks=0, at_ns=now_ns))

    def part(self) -> int:
        """A part is at the sensor and is photographed in the same moment: when, ns."""
        now_ns = self._clock.now_ns()
        self._inputs.send(wire.InputEdge(input="sensor", value=True, at_ns=now_ns))
        slot = self._seq % self._spec.slots
        self._seq += 1
        frame = FrameRef(
            camera=self._spec.camera, epoch=self._spec.epoch, slot=slot, generation=self._generations[slot],
            seq=self._seq, exposed_at_ns=now_ns, error_ns=_STAMP_ERROR_NS,
        )  # fmt: skip
        height, width, channels = self._spec.shape
        self._announce.send(wire.SimFrame(frame=frame, height=height, width=width, channels=channels))
        return now_ns

    def close(self) -> None:
        self._undo.close()


def _fill(ring: RingWriter, slot: int, frame: Pixels) -> int:
    np.copyto(ring.begin(slot), frame)
    return ring.commit(slot, seq=slot + 1, exposed_at_ns=0)
