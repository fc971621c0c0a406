"""The virtual line's camera: its pictures lie in the virtual line's own ring, as in a driver's buffer."""

from __future__ import annotations

from edge import log
from edge.bus import topics, wire
from edge.bus.bands import BandCopier
from edge.bus.ring import RingReader, ring_path
from edge.bus.sockets import Bus, Receiver
from edge.capture.camera import Counts, Facts, Into, Shot
from edge.clock import MS, Clock
from edge.domain.frame import FrameRef
from edge.errors import RingError, SourceError, SourceLost
from edge.settings.station import Camera as CameraSettings
from edge.settings.station import Station

_log = log.get(__name__)
_LOOK_NS = 100 * MS


class VirtualCamera:
    """Follows SIM_FRAMES (queue of 8; what is lost shows in driver_seq); copies from ring `sim-<camera>` to the slot.

    Opening waits for nothing: the virtual line may start after capture. Once it gave a frame, it is lost when its ring
    goes, and then cannot be opened until there is another. (One that was killed leaves its ring: not noticed here.)
    """

    def __init__(self, settings: CameraSettings, station: Station, bus: Bus, clock: Clock) -> None:
        self._name = settings.name
        self._ring_name = f"sim-{settings.name}"
        self._station = station
        self._bus = bus
        self._clock = clock
        self._facts = Facts(
            width=settings.width, height=settings.height, channels=settings.channels, proves_freshness=True
        )
        self.counts = Counts()
        self._copier = BandCopier(self._facts.shape)
        self._frames: Receiver | None = None
        self._ring: RingReader | None = None
        self._looked_ns = 0
        self._lost = False

    @property
    def facts(self) -> Facts:
        return self._facts

    def open(self) -> None:
        self.close()
        self._copier = BandCopier(self._facts.shape)
        if self._lost and not self._rings():
            raise SourceError("the virtual line is not running", hint="start it again: edge demo")
        self._lost = False
        self._frames = self._bus.subscriber(topics.SIM_FRAMES, self._name)

    def read(self, into: Into, timeout_s: float) -> Shot | None:
        if self._frames is None:
            raise SourceLost("the virtual camera is not open", hint="open it first")
        message = self._frames.receive(max(0, round(timeout_s * 1000)))
        if not isinstance(message, wire.SimFrame):
            self._look()
            return None
        if (message.height, message.width, message.channels) != self._facts.shape:
            self.counts.wrong_size += 1
            self._refuse(f"the virtual line sends {message.width}x{message.height}x{message.channels}")
            return None
        ring = self._attach(message.frame.epoch)
        frame = message.frame
        if ring is None or not _holds(ring, frame):
            self.counts.overrun += 1
            self._refuse(f"frame {frame.seq} of the virtual line was overwritten before it could be copied")
            return None
        if ring.copy(frame.slot, frame.generation, out=into(), by=self._copier) is None:
            self.counts.overrun += 1
            self._refuse(f"frame {frame.seq} of the virtual line was overwritten while it was copied")
            return None
        return Shot(exposed_at_ns=frame.exposed_at_ns, error_ns=frame.error_ns, driver_seq=frame.seq)

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        self._copier.close()
        self._drop_ring()

    def _attach(self, epoch: int) -> RingReader | None:
        """The ring of this epoch; None when it is gone or does not hold what was promised."""
        if self._ring is not None and self._ring.spec.epoch == epoch:
            return self._ring
        self._drop_ring()
        try:
            ring = RingReader.attach(self._station.shm_dir, self._station.name, self._ring_name, epoch)
        except RingError as error:
            _log.warning("%s", error)
            return None
        if ring.spec.shape != self._facts.shape:
            ring.close()
            return None
        self._ring = ring
        return ring

    def _look(self) -> None:
        """In silence: is the virtual line's ring still there?"""
        now_ns = self._clock.now_ns()
        if self._ring is None or now_ns - self._looked_ns < _LOOK_NS:
            return
        self._looked_ns = now_ns
        spec = self._ring.spec
        if not ring_path(self._station.shm_dir, spec.station, spec.camera, spec.epoch).exists():
            self._lost = True
            raise SourceLost("the virtual line has ended", hint="start it again: edge demo")

    def _rings(self) -> bool:
        pattern = ring_path(self._station.shm_dir, self._station.name, self._ring_name, 0).name
        return any(self._station.shm_dir.glob(pattern.replace("+0.ring", "+*.ring")))

    def _drop_ring(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _refuse(self, words: str) -> None:
        self.counts.refusal = words
        _log.warning("%s", words)


def _holds(ring: RingReader, frame: FrameRef) -> bool:
    return 0 <= frame.slot < ring.spec.slots and ring.current(frame.slot, frame.generation)
