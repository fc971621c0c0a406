"""`Seen` messages on their way to `line`: each is repeated until acknowledged. A lost one would be a lost part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.bus import wire
from edge.clock import MS, SECOND

REPEAT_NS = 50 * MS
OVERDUE_NS = SECOND
SIZE = 256
_AT_ONCE = 16  # sent in one round: a line that comes back is not flooded


@dataclass(slots=True)
class _Entry:
    seen: wire.Seen
    since_ns: int
    next_ns: int


class SeenOutbox:
    """Queue of 256; at that, a new one is lost, counted, and named by an alarm while `lost_at_ns` is recent.

    `send` gives False when nobody takes it; that one is tried again like one that was not acknowledged.
    """

    def __init__(self, send: Callable[[wire.Seen], bool], size: int = SIZE) -> None:
        self._send = send
        self._size = size
        self._entries: dict[tuple[int, int], _Entry] = {}  # (epoch, n), oldest first
        self.lost = 0
        self.lost_at_ns = 0
        self.repeated = 0

    @property
    def pending(self) -> int:
        return len(self._entries)

    def add(self, seen: wire.Seen, now_ns: int) -> None:
        """Send it now, and again until acknowledged."""
        if len(self._entries) >= self._size:
            self.lost += 1
            self.lost_at_ns = now_ns
            return
        self._entries[seen.epoch, seen.n] = _Entry(seen, now_ns, now_ns + REPEAT_NS)
        self._send(seen)

    def acknowledged(self, ack: wire.SeenAck, camera: str) -> None:
        """Forget it. Not ours, or known already: nothing happens."""
        if ack.camera == camera:
            self._entries.pop((ack.epoch, ack.n), None)

    def turn(self, now_ns: int) -> None:
        """Repeat what is due, the oldest first."""
        due = [entry for entry in self._entries.values() if entry.next_ns <= now_ns]
        for entry in due[:_AT_ONCE]:
            entry.next_ns = now_ns + REPEAT_NS
            self.repeated += 1
            self._send(entry.seen)

    def overdue_since_ns(self, now_ns: int) -> int:
        """Since when the oldest has waited, when that is over a second; else 0."""
        oldest = next(iter(self._entries.values()), None)
        return oldest.since_ns if oldest is not None and now_ns - oldest.since_ns > OVERDUE_NS else 0

    def queue_state(self) -> wire.QueueState:
        return wire.QueueState(name="seen", size=self._size, depth=self.pending, dropped=self.lost)
