"""Faults of the conveyor and its camera, on request. Pure.

Counted ones spoil the next `value` parts or frames; timed ones last `value` seconds (0: until cleared).
Killing and freezing services and filling disks is not the machine's doing: `edge.apps.demo.faults`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge.clock import SECOND
from edge.errors import UsageError


class Trouble(StrEnum):
    BELT_STOP = "belt_stop"  # timed
    SENSOR_STUCK = "sensor_stuck"  # timed: high from the next part on, no edges
    SENSOR_DEAD = "sensor_dead"  # timed: low, no edges
    SENSOR_BOUNCE = "sensor_bounce"  # counted: two edges within the minimum gap
    FRAMES_LATE = "frames_late"  # counted: announced 300 ms late, with the right stamp
    FRAMES_SWAPPED = "frames_swapped"  # counted in pairs: announced in exchanged order, with the right stamps
    FRAMES_STALE = "frames_stale"  # counted: the pixels of the frame before, under a new stamp
    FRAMES_BLACK = "frames_black"  # counted
    FRAMES_MISSING = "frames_missing"  # counted: exposed but never given out
    BIN_FULL = "bin_full"  # timed
    CONFIRM_MISSING = "confirm_missing"  # counted: the part falls, the input does not see it


TIMED = frozenset({Trouble.BELT_STOP, Trouble.SENSOR_STUCK, Trouble.SENSOR_DEAD, Trouble.BIN_FULL})
FRAME_TROUBLES = (
    Trouble.FRAMES_MISSING,
    Trouble.FRAMES_BLACK,
    Trouble.FRAMES_STALE,
    Trouble.FRAMES_LATE,
    Trouble.FRAMES_SWAPPED,
)
_FOREVER_NS = 1 << 62
MAX_VALUE = 100_000.0


def parse(name: str, value: float) -> Trouble:
    """UsageError when there is no such trouble or the number cannot be."""
    try:
        trouble = Trouble(name)
    except ValueError as error:
        raise UsageError(f"there is no fault {name[:40]!r}", hint=f"one of: {', '.join(Trouble)}") from error
    if not 0 <= value <= MAX_VALUE or (trouble not in TIMED and value < 1):
        raise UsageError(f"{name} of {value:g} cannot be", hint="give seconds, or a count of 1 or more")
    return trouble


@dataclass(slots=True)
class Troubles:
    """What is wrong now."""

    _left: dict[Trouble, int] = field(default_factory=dict)
    _until_ns: dict[Trouble, int] = field(default_factory=dict)

    def begin(self, trouble: Trouble, value: float, now_ns: int) -> None:
        if trouble in TIMED:
            self._until_ns[trouble] = now_ns + round(value * SECOND) if value else _FOREVER_NS
        else:
            pairs = 2 if trouble is Trouble.FRAMES_SWAPPED else 1
            self._left[trouble] = self._left.get(trouble, 0) + int(value) * pairs

    def active(self, trouble: Trouble) -> bool:
        return trouble in self._until_ns or self._left.get(trouble, 0) > 0

    def use(self, trouble: Trouble) -> bool:
        """Whether a counted trouble strikes this time; counts it down."""
        left = self._left.get(trouble, 0)
        if left > 0:
            self._left[trouble] = left - 1
        return left > 0

    def use_one_of(self, troubles: tuple[Trouble, ...]) -> Trouble | None:
        return next((trouble for trouble in troubles if self.use(trouble)), None)

    def ended(self, now_ns: int) -> list[Trouble]:
        """Timed troubles whose time is over; each is named once."""
        over = [trouble for trouble, until_ns in self._until_ns.items() if until_ns <= now_ns]
        for trouble in over:
            del self._until_ns[trouble]
        return over

    def clear(self) -> list[Trouble]:
        """End everything; the timed ones that were on."""
        timed = list(self._until_ns)
        self._left.clear()
        self._until_ns.clear()
        return timed
