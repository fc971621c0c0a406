"""The cameras' rings as inference sees them: attached when first announced, again for each new epoch."""

from __future__ import annotations

from pathlib import Path

from edge import log
from edge.bus.ring import RingReader
from edge.bus.wire import Alarm, FrameReady
from edge.errors import RingError

_log = log.get(__name__)

_RETRY_NS = 200_000_000
_EPOCHS_KEPT = 2  # the running one, and the one before while its last parts are judged


class Rings:
    """`alarms`: camera -> why its ring cannot be read, until it can."""

    def __init__(self, directory: Path, station: str) -> None:
        self._directory, self._station = directory, station
        self._readers: dict[str, dict[int, RingReader]] = {}
        self._retry_ns: dict[str, int] = {}
        self.alarms: dict[str, Alarm] = {}

    def announced(self, ready: FrameReady, now_ns: int) -> bool:
        """True when the frame's ring is attached, now or before."""
        camera, epoch = ready.frame.camera, ready.frame.epoch
        if epoch in self._readers.get(camera, {}):
            return True
        if now_ns < self._retry_ns.get(camera, 0):
            return False
        try:
            reader = RingReader.attach(self._directory, self._station, camera, epoch)
        except RingError as error:
            self._retry_ns[camera] = now_ns + _RETRY_NS
            since_ns = self.alarms[camera].since_ns if camera in self.alarms else now_ns
            self.alarms[camera] = Alarm(code="ring_unreadable", since_ns=since_ns, detail=f"{camera}: {error.message}")
            _log.warning("frames of %s cannot be read: %s", camera, error)
            return False
        self.alarms.pop(camera, None)
        epochs = self._readers.setdefault(camera, {})
        epochs[epoch] = reader
        while len(epochs) > _EPOCHS_KEPT:
            epochs.pop(next(iter(epochs))).close()
        return True

    def reader(self, camera: str, epoch: int) -> RingReader | None:
        return self._readers.get(camera, {}).get(epoch)

    def close(self) -> None:
        for epochs in self._readers.values():
            for reader in epochs.values():
                reader.close()
        self._readers.clear()
