"""What the panel has heard, as one immutable value: an unread snapshot is replaced, never queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.bus import topics, wire
from edge.clock import MS
from edge.domain.verdict import Verdict
from edge.settings.station import Station

SUPERVISOR = "run"
PANEL = "panel"
_TELLING = (Verdict.NG, Verdict.UNSURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A service's last status and when it came (CLOCK_MONOTONIC ns of the panel)."""

    status: wire.Status
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """parts: how many Recorded were heard. newest_ng: the last NG or UNSURE. queues: the panel's own."""

    version: int = 0
    line: wire.LineState | None = None
    line_at_ns: int = 0
    services: Mapping[str, Heard] = field(default_factory=dict)
    parts: int = 0
    newest: wire.Recorded | None = None
    newest_ng: wire.Recorded | None = None
    queues: tuple[wire.QueueState, ...] = ()

    def alive(self, now_ns: int) -> bool:
        """Whether what `line` said may be taken for what is so now."""
        return self.line is not None and now_ns - self.line_at_ns < topics.LINE.silent_after_ms * MS

    def with_message(self, message: wire.Message, at_ns: int, expected: tuple[str, ...]) -> Snapshot:
        """This and one message more. A status of a service that nobody expects is left out (bounded)."""
        match message:
            case wire.LineState():
                return replace(self, line=message, line_at_ns=at_ns)
            case wire.Recorded():
                ng = message if message.verdict in _TELLING else self.newest_ng
                return replace(self, parts=self.parts + 1, newest=message, newest_ng=ng)
            case wire.Status() if message.service in expected or message.service == SUPERVISOR:
                heard = Heard(status=message, at_ns=at_ns)
                return replace(self, services={**self.services, message.service: heard})
        return self


def expected_services(station: Station) -> tuple[str, ...]:
    """In the order in which they are shown."""
    captures = (f"capture-{camera.name}" for camera in station.camera)
    return ("line", *captures, "inference", "recorder", PANEL)
