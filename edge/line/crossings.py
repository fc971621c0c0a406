"""Where parts are announced by crossings in the image: whether the cameras that count them can see."""

from __future__ import annotations

from edge.line.gate_thread import GateThread, Purge
from edge.line.journal import Journal
from edge.line.outages import Outages
from edge.line.permit import Health

BLIND = "a camera that counts parts could not see"


class CrossingWatch:
    """Blind until every counting camera says that it is ready, and whenever one does not: an outage, since what crosses
    then is not announced. Nothing in flight passes, and the gate rejects for one travel more when they see again."""

    def __init__(
        self,
        cameras: tuple[str, ...],
        health: Health,
        gate: GateThread,
        journal: Journal,
        outages: Outages,
        from_ns: int,
    ) -> None:
        """from_ns: since when nothing is known. cameras: none where parts are announced otherwise."""
        self._services = tuple(f"capture-{camera}" for camera in cameras)
        self._health, self._gate, self._journal, self._outages = health, gate, journal, outages
        self._seeing = not cameras
        self._seen_ns = from_ns  # all saw when they were last heard before this
        if cameras:
            outages.begin(BLIND, from_ns)

    def turn(self, now_ns: int) -> None:
        seeing = all(self._health.state(service, now_ns) == "ready" for service in self._services)
        if seeing and self._services:
            self._seen_ns = max(self._seen_ns, min(self._health.heard_ns(service) for service in self._services))
        if seeing is self._seeing:
            return
        self._seeing = seeing
        if seeing:
            self._gate.tell(Purge())
            self._journal.outage_ends(BLIND, now_ns)
        else:
            self._outages.begin(BLIND, self._seen_ns)
            self._gate.tell(Purge(halt=True))
            self._journal.note("blind", BLIND)
