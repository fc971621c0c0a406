"""Time in which triggers could not be accepted, made into records. Pure.

Several causes may overlap; they are one outage from the first that began to the last that ended.
"""

from __future__ import annotations

from edge.domain.ledger import OutageRecord


class Outages:
    """`begin` and `end` by cause; a record comes out when the last cause ends."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._causes: dict[str, int] = {}
        self._from_ns = 0
        self._why: list[str] = []
        self.count = 0

    @property
    def open(self) -> bool:
        return bool(self._causes)

    @property
    def from_ns(self) -> int:
        """When the open one began, or the last one that was open."""
        return self._from_ns

    def open_for(self, cause: str) -> bool:
        return cause in self._causes

    def begin(self, cause: str, from_ns: int) -> None:
        """Idempotent; the earliest beginning holds."""
        if not self._causes:
            self._from_ns, self._why = from_ns, []
        self._from_ns = min(self._from_ns, from_ns)
        if cause not in self._why:
            self._why.append(cause)
        self._causes[cause] = min(from_ns, self._causes.get(cause, from_ns))

    def end(self, cause: str, to_ns: int, wall: str) -> OutageRecord | None:
        """Triggers at `to_ns` and later are accepted as far as this cause goes. The record when it was the last."""
        if self._causes.pop(cause, None) is None or self._causes:
            return None
        return self.record(self._from_ns, to_ns, ", ".join(self._why), wall)

    def record(self, from_ns: int, to_ns: int, why: str, wall: str) -> OutageRecord:
        """One that is over already."""
        self.count += 1
        return OutageRecord(epoch=self._epoch, from_ns=from_ns, to_ns=max(from_ns, to_ns), why=why, wall=wall)
