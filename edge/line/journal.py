"""What the line writes besides parts: events, its own memory, outages, and the mark that it is alive."""

from __future__ import annotations

from collections.abc import Callable

from edge.clock import SECOND, Clock
from edge.domain.ledger import Alive, EventRecord, OutageRecord
from edge.line.committer import Committer
from edge.line.modes import Change, Modes
from edge.line.outages import Outages
from edge.line.recipes import Recipes

_ALIVE_NS = 5 * SECOND  # between two marks while no part comes: each is a write to the disk
_LATE_CROSSING_NS = 2 * SECOND  # crossings are announced up to this late (capture alarms after one second)


class Journal:
    """Main thread only. Everything goes through the committer's queue, in order."""

    def __init__(
        self,
        *,
        committer: Committer,
        epoch: int,
        modes: Modes,
        recipes: Recipes,
        outages: Outages,
        clock: Clock,
        crossings: bool,
    ) -> None:
        """crossings: parts are announced by crossings in the image, which come late."""
        self._committer, self._epoch, self._clock = committer, epoch, clock
        self._modes, self._recipes, self._outages = modes, recipes, outages
        self._behind_ns = _LATE_CROSSING_NS if crossings else 0
        self._alive_ns = 0

    def wall(self) -> str:
        return self._clock.wall().isoformat(timespec="milliseconds")

    def note(self, kind: str, detail: str, by: str = "line") -> None:
        """An event that changes nothing that must be remembered."""
        self._committer.put(self._event(kind, by, detail), soon=False)

    def remember(self, *changes: Change, then: Callable[[], None] | None = None) -> None:
        """Events, and the memory as it is now, in one commit."""
        memory = self._modes.memory(self._recipes.remembered())
        events = (self._event(change.kind, change.by, change.detail) for change in changes)
        self._committer.put(memory, *events, then=then)

    def outage_ends(self, cause: str, to_ns: int) -> None:
        self._write(self._outages.end(cause, to_ns, self.wall()))

    def outage(self, from_ns: int, to_ns: int, why: str) -> None:
        """One that is over already."""
        self._write(self._outages.record(from_ns, to_ns, why, self.wall()))

    def alive(self, accepted_until_ns: int, now_ns: int) -> None:
        """Now and then: all triggers up to there are in the queue before this mark. Not while an outage is open,
        whose record is still to come."""
        if self._outages.open or now_ns - self._alive_ns < _ALIVE_NS:
            return
        self._committer.put(self.mark(accepted_until_ns, now_ns), soon=False)

    def mark(self, accepted_until_ns: int, now_ns: int) -> Alive:
        """To be committed with a trigger: costs no write of its own.

        Never ahead of now, whatever stamp a part has, nor of an outage that is still open: marks only grow, and after
        a kill the outage on record begins at the last one.
        """
        self._alive_ns = now_ns
        until_ns = min(accepted_until_ns, now_ns) - self._behind_ns
        if self._outages.open:
            until_ns = min(until_ns, self._outages.from_ns)
        return Alive(at_ns=max(0, until_ns))

    def _event(self, kind: str, by: str, detail: str) -> EventRecord:
        return EventRecord(
            epoch=self._epoch, at_ns=self._clock.now_ns(), wall=self.wall(), kind=kind, by=by, detail=detail
        )

    def _write(self, record: OutageRecord | None) -> None:
        if record is not None:
            self._committer.put(record)
