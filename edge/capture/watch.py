"""Is the source there, does it still give frames, and when is it tried again? Pure: told the time and what happened."""

from __future__ import annotations

from edge.bus.wire import Alarm
from edge.clock import MS, SECOND
from edge.errors import SourceError
from edge.settings.station import Camera as CameraSettings

FIRST_RETRY_NS = 200 * MS
LAST_RETRY_NS = 5 * SECOND


class SourceWatch:
    """state: starting (open, no frame yet), ready, degraded (open, but stale) or failed (lost). Only `ready` may run.

    A camera that exposes on the trigger is ready once it is open, since no part comes before the permit is on; one
    that runs free must first prove that frames come. The back-off, 0.2 s doubled up to 5 s, begins anew only with a
    frame: a source that opens and dies again is not opened five times a second for ever.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self._triggered = settings.triggered
        self._stale_after_ns = round(settings.stale_after_ms * MS)
        self._open = False
        self._frames = False  # since it was opened
        self._heard_ns = 0
        self._wait_ns = FIRST_RETRY_NS
        self._retry_ns = 0
        self._lost: Alarm | None = None
        self.losses = 0
        self.attempts = 0

    @property
    def is_open(self) -> bool:
        return self._open

    def opened(self, now_ns: int) -> None:
        self._open, self._frames, self._heard_ns = True, False, now_ns
        if self._triggered:
            self._lost = None

    def frame(self, now_ns: int) -> None:
        self._frames, self._heard_ns = True, now_ns
        self._wait_ns, self._lost = FIRST_RETRY_NS, None

    def held_back(self, now_ns: int) -> None:
        """We did not ask it for frames."""
        self._heard_ns = now_ns

    def failed(self, error: SourceError, now_ns: int) -> None:
        """It gives no more frames, or could not be opened again."""
        self.losses += self._open
        self.attempts += not self._open
        since_ns = now_ns if self._lost is None else self._lost.since_ns
        self._lost = Alarm(code="camera_lost", since_ns=since_ns, detail=str(error)[:200])
        self._open, self._frames = False, False
        self._retry_ns = now_ns + self._wait_ns
        self._wait_ns = min(2 * self._wait_ns, LAST_RETRY_NS)

    def retry_due(self, now_ns: int) -> bool:
        return not self._open and now_ns >= self._retry_ns

    def state(self, now_ns: int) -> str:
        if not self._open:
            return "failed"
        if self._stale(now_ns):
            return "degraded"
        return "ready" if self._frames or self._triggered else "starting"

    def alarms(self, now_ns: int) -> tuple[Alarm, ...]:
        found = () if self._lost is None else (self._lost,)
        if not self._stale(now_ns):
            return found
        silent_s = (now_ns - self._heard_ns) / SECOND
        return (*found, Alarm(code="camera_stale", since_ns=self._heard_ns, detail=f"{silent_s:.1f} s without a frame"))

    def _stale(self, now_ns: int) -> bool:
        return self._open and not self._triggered and now_ns - self._heard_ns > self._stale_after_ns
