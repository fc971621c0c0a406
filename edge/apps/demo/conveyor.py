"""The belt and what lies on it. Pure: time is passed in, chance comes from the seed.

Positions are mm of belt travel since the start. Everything that a part meets (sensor, camera, gate) is a
position, so a stopped belt freezes all of it at once and nothing has to be scheduled again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.apps.demo.scene.spec import PartSpec, draw_spec
from edge.clock import MS, SECOND
from edge.errors import UsageError

PX_PER_MM = 5.0
PITCH_MM = 140.0
"""700 px of the 800 px frame at PX_PER_MM: a neighbour of the centred part just stays out of its frame."""
TICK_MM = 0.5
MIN_RATE, MAX_RATE = 6.0, 600.0
_JITTER = 0.03


class Belt:
    """Where the belt is. It starts and stops at once; `now_ns` of the calls must not go back."""

    def __init__(self, speed_mm_s: float, now_ns: int) -> None:
        self.speed_mm_s = speed_mm_s
        self.running = True
        self._since_ns = now_ns
        self._start_mm = 0.0
        self._moves: list[tuple[int, int | None]] = [(now_ns, None)]  # (from, to) of each running stretch

    def run(self, now_ns: int) -> bool:
        """True when it stood."""
        if self.running:
            return False
        self.running, self._since_ns = True, now_ns
        self._moves.append((now_ns, None))
        return True

    def stop(self, now_ns: int) -> bool:
        """True when it ran."""
        if not self.running:
            return False
        self._start_mm = self.position_mm(now_ns)
        self.running, self._since_ns = False, now_ns
        self._moves[-1] = (self._moves[-1][0], now_ns)
        return True

    def position_mm(self, at_ns: int) -> float:
        """At a time not before the last start or stop."""
        moved_ns = at_ns - self._since_ns if self.running else 0
        return self._start_mm + self.speed_mm_s * moved_ns / SECOND

    def when_ns(self, position_mm: float) -> int | None:
        """When the belt reaches `position_mm`, as things are; None when it stands short of it.

        Exact for positions that the belt has not passed before its last start or stop.
        """
        ahead_mm = position_mm - self._start_mm
        if ahead_mm > 0 and not self.running:
            return None
        return self._since_ns + round(ahead_mm / self.speed_mm_s * SECOND)

    def moving(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """The stretches of [from_ns, to_ns] in which the belt moved."""
        found = []
        for start_ns, end_ns in self._moves:
            first, last = max(from_ns, start_ns), min(to_ns, to_ns if end_ns is None else end_ns)
            if first <= last:
                found.append((first, last))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A part on the belt: its centre is under sensor and camera when the belt is at `at_mm`."""

    spec: PartSpec
    at_mm: float


class Feeder:
    """Lays parts on the belt, about PITCH_MM apart, never closer than `min_gap_mm`."""

    def __init__(self, *, product: str, seed: int, defect_rate: float, min_gap_mm: float, limit: int) -> None:
        if min_gap_mm > PITCH_MM * (1 - 2 * _JITTER):
            raise UsageError("at this rate parts come closer than the station's min_gap_ms", hint="lower --rate")
        self._product, self._seed, self._defect_rate, self._limit = product, seed, defect_rate, limit
        self._jitter = np.random.default_rng([seed, 41])
        self._next_mm: float | None = None
        self.fed = 0
        self.feeding = False

    @property
    def exhausted(self) -> bool:
        """All the parts it was told to lay are laid."""
        return 0 < self._limit <= self.fed

    def begin(self, first_mm: float) -> None:
        self.feeding = not self.exhausted
        self._next_mm = first_mm

    def finish(self) -> None:
        self.feeding = False

    def lay(self, until_mm: float) -> list[Placed]:
        """The parts that lie up to `until_mm` and were not laid before."""
        laid = []
        while self.feeding and self._next_mm is not None and self._next_mm <= until_mm:
            self.fed += 1
            spec = draw_spec(self._product, self.fed, self._seed, self._defect_rate)
            # Each part is off its own slot, so offsets never add up to a drift.
            off_mm = float(self._jitter.uniform(-1.0, 1.0)) * _JITTER * PITCH_MM
            laid.append(Placed(spec=spec, at_mm=self._next_mm + off_mm))
            self._next_mm += PITCH_MM
            if self.exhausted:
                self.feeding = False
        return laid


def speed_mm_s(rate_per_min: float) -> float:
    """The belt's speed for this many parts a minute. UsageError when the rate is out of bounds."""
    if not MIN_RATE <= rate_per_min <= MAX_RATE:
        raise UsageError(f"{rate_per_min:g} parts a minute cannot be", hint=f"use {MIN_RATE:g} to {MAX_RATE:g}")
    return PITCH_MM * rate_per_min / 60.0


def ms_to_mm(ms: float, speed: float) -> float:
    return speed * ms * MS / SECOND
