"""Where the belt is: a position that parts and the gate share, so that a stopped belt freezes the queue.

Positions are whole numbers in the belt's own unit: ns of running belt, or thousandths of an encoder tick. Each
thread that asks has a belt of its own, fed with the same events in the same order. No clock: time is passed in.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from edge.clock import MS
from edge.line.ports import Input, InputEvent
from edge.settings import station

MILLI = 1000  # belt units in an encoder tick
_REMEMBERED = 128  # changes kept, for edges that arrive late
_EXTRAPOLATE_NS = 150 * MS  # counts come ten times a second: beyond this the belt is taken as standing
_RATE_OVER_NS = 200 * MS


class Belt(Protocol):
    @property
    def known(self) -> bool:
        """Whether the position can be relied on."""

    @property
    def ready(self) -> bool:
        """Whether parts can be scheduled: known, and how fast the belt runs is known too."""

    @property
    def running(self) -> bool: ...

    def take(self, event: InputEvent) -> bool:
        """Learn of an input. True: parts in flight are no longer where they were thought to be."""

    def lose(self, now_ns: int) -> None:
        """The inputs are not heard any more."""

    def position(self, at_ns: int) -> int: ...

    def when(self, position: int) -> int | None:
        """The time at which the belt reaches `position` as things are; None: it stands still before it."""

    def span(self, duration_ns: int) -> int:
        """How far the running belt moves in `duration_ns`, in units."""

    def travel(self, travel: float) -> int:
        """A recipe's travel (ms or ticks) in units."""


class TimeBelt:
    """Position is running time in ns. Without a belt-running input the belt runs while inputs are heard."""

    def __init__(self, *, has_input: bool, now_ns: int) -> None:
        self._has_input = has_input
        self._known = False
        # (since, position then, running)
        self._changes: deque[tuple[int, int, bool]] = deque([(now_ns, 0, False)], maxlen=_REMEMBERED)

    @property
    def known(self) -> bool:
        return self._known

    @property
    def ready(self) -> bool:
        return self._known

    @property
    def running(self) -> bool:
        return self._changes[-1][2]

    def take(self, event: InputEvent) -> bool:
        if not self._has_input:
            if not self._known:
                self._known = True
                self._change(event.at_ns, True)
            return False
        if event.input is not Input.BELT:
            return False
        value = bool(event.value)
        first, self._known = not self._known, True
        if value == self.running:
            return False
        self._change(event.at_ns, value)
        return not (first or event.edge)  # a level that differs: the edge was lost, and with it when it happened

    def lose(self, now_ns: int) -> None:
        if self._known:
            self._known = False
            self._change(now_ns, False)

    def position(self, at_ns: int) -> int:
        for since_ns, start, running in reversed(self._changes):
            if since_ns <= at_ns:
                return start + (at_ns - since_ns if running else 0)
        since_ns, start, running = self._changes[0]
        return start - (since_ns - at_ns if running else 0)

    def when(self, position: int) -> int | None:
        since_ns, start, running = self._changes[-1]
        if position <= start:
            return since_ns
        return since_ns + position - start if running else None

    def span(self, duration_ns: int) -> int:
        return duration_ns

    def travel(self, travel: float) -> int:
        return round(travel * MS)

    def _change(self, at_ns: int, running: bool) -> None:
        at_ns = max(at_ns, self._changes[-1][0])
        self._changes.append((at_ns, self.position(at_ns), running))


class EncoderBelt:
    """Position is encoder ticks in thousandths, interpolated between counts, extrapolated for a short while.

    Ready once two counts have shown how fast the belt moves. A belt-running input, where there is one, ends the
    extrapolation at the moment the belt stopped.
    """

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._rate = 0.0  # units per ns while running
        self._held_ns: int | None = None  # since when the belt-running input says: standing
        self._resumed_ns = 0
        self._started_ns = 0  # when the belt-running input last said that it starts
        self._lost = True

    @property
    def known(self) -> bool:
        return not self._lost

    @property
    def ready(self) -> bool:
        return self._rate > 0 and not self._lost

    @property
    def running(self) -> bool:
        return len(self._counts) > 1 and self._counts[-1][1] > self._counts[-2][1] and self._held_ns is None

    def take(self, event: InputEvent) -> bool:
        if event.input is Input.BELT:
            if event.value:
                if self._held_ns is not None:  # what it ran between the last count and the stop stays
                    self._resumed_ns = event.at_ns - max(0, self._held_ns - self._counted_ns())
                    self._started_ns = event.at_ns
                self._held_ns = None
            elif self._held_ns is None:
                self._held_ns = event.at_ns
            return False
        return event.input is Input.ENCODER and self._count(event.at_ns, event.value * MILLI)

    def lose(self, now_ns: int) -> None:
        self._lost = True

    def position(self, at_ns: int) -> int:
        if not self._counts:
            return 0
        last_ns, last = self._counts[-1]
        if at_ns >= last_ns:
            if not self._moving():
                return last
            from_ns = self._counted_ns()
            until_ns = at_ns if self._held_ns is None else min(at_ns, self._held_ns)
            return last + round(min(max(0, until_ns - from_ns), _EXTRAPOLATE_NS) * self._rate)
        later_ns, later = last_ns, last
        for at, count in reversed(self._counts):
            if at <= at_ns:
                return count + (later - count) * (at_ns - at) // max(1, later_ns - at)
            later_ns, later = at, count
        return later

    def when(self, position: int) -> int | None:
        if not self._counts:
            return None
        last_ns, last = self._counts[-1]
        if position <= last:
            return last_ns
        if self._lost or not self.running:
            return None
        return self._counted_ns() + round((position - last) / self._rate)

    def span(self, duration_ns: int) -> int:
        return round(duration_ns * self._rate)

    def travel(self, travel: float) -> int:
        return round(travel * MILLI)

    def _counted_ns(self) -> int:
        """Running time counts on from here: the last count, or as if it had been made after the stop."""
        return max(self._counts[-1][0] if self._counts else 0, self._resumed_ns)

    def _moving(self) -> bool:
        return len(self._counts) > 1 and self._counts[-1][1] > self._counts[-2][1]

    def _count(self, at_ns: int, units: int) -> bool:
        back = bool(self._counts) and units < self._counts[-1][1]
        fresh = self._lost or back  # the encoder or who reads it started again
        if fresh:
            self._counts.clear()
            self._rate = 0.0
            self._lost = False
        if self._counts and at_ns <= self._counts[-1][0]:
            return back
        self._counts.append((at_ns, units))
        self._estimate()
        return back

    def _estimate(self) -> None:
        """The rate over the last moving stretch; a standing belt leaves the last rate as it was."""
        if not self._moving() or self._held_ns is not None:
            return
        last_ns, last = self._counts[-1]
        first_ns, first, later = last_ns, last, last
        for at_ns, count in list(self._counts)[-2::-1]:
            if count >= later or at_ns < self._started_ns:  # it stood here
                break
            first_ns, first, later = at_ns, count, count
            if last_ns - at_ns >= _RATE_OVER_NS:
                break
        if first_ns < last_ns:
            self._rate = (last - first) / (last_ns - first_ns)


def make_belt(line: station.Line, now_ns: int) -> Belt:
    """One for each thread that asks: they are told the same events, and so agree."""
    if line.travel_unit == "encoder":
        return EncoderBelt()
    return TimeBelt(has_input=line.belt_input, now_ns=now_ns)
