"""What stands between the outputs of `line` and the machine: the safety relay, and what the gate then does.

The relay passes gate and permit only while the heartbeat toggles within T_safe; it drops T_safe after the
last toggle and pulls in at the second toggle that comes in time. Output changes carry the time at which they
were made, so how late they are looked at changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge.bus.iopage import Output, OutputEvent

LAG_NS = 30_000_000
"""A change may reach the page a little after its stamp (the writer was preempted between the two): the state is
settled only up to this long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What the machine feels from `at_ns` on. gate, permit: behind the relay. wire: the gate output before it."""

    at_ns: int
    gate: bool
    permit: bool
    relay: bool
    wire: bool


class Relay:
    """Feed it the output events, then `settle`; ask for the levels of any time up to there."""

    def __init__(self, safe_ns: int, now_ns: int) -> None:
        self._safe_ns = safe_ns
        self._beat: bool | None = None
        self._beat_ns: int | None = None
        self._on = False
        self._wires = {Output.GATE: False, Output.PERMIT: False, Output.LAMP: False}
        self._levels: deque[Level] = deque([self._level(now_ns)])
        self._waiting: list[OutputEvent] = []

    @property
    def now(self) -> Level:
        """The last settled level."""
        return self._levels[-1]

    def settle(self, events: Iterable[OutputEvent], until_ns: int) -> list[Level]:
        """Take in new events; the changes up to `until_ns`, oldest first. Later events wait for the next call."""
        waiting = sorted([*self._waiting, *events], key=lambda event: event.at_ns)
        self._waiting = [event for event in waiting if event.at_ns > until_ns]
        changes: list[Level] = []
        for event in waiting:
            if event.at_ns <= until_ns:
                self._drop_before(event.at_ns, changes)
                self._take(event)
                self._note(max(event.at_ns, self._levels[-1].at_ns), changes)
        self._drop_before(until_ns, changes)
        return changes

    def between(self, from_ns: int, to_ns: int) -> list[Level]:
        """The level standing at `from_ns` and every change up to `to_ns`."""
        levels = [level for level in self._levels if level.at_ns <= to_ns]
        first = max((i for i, level in enumerate(levels) if level.at_ns <= from_ns), default=0)
        return levels[first:]

    def forget(self, before_ns: int) -> None:
        """Levels that ended before `before_ns` are not asked for any more."""
        while len(self._levels) > 1 and self._levels[1].at_ns < before_ns:
            self._levels.popleft()

    def _take(self, event: OutputEvent) -> None:
        if event.output is not Output.HEARTBEAT:
            self._wires[event.output] = event.level
            return
        if event.level == self._beat:
            return  # written again but not toggled: a stuck output looks like this
        if self._beat_ns is not None and event.at_ns - self._beat_ns <= self._safe_ns:
            self._on = True
        self._beat, self._beat_ns = event.level, event.at_ns

    def _drop_before(self, at_ns: int, changes: list[Level]) -> None:
        if self._on and self._beat_ns is not None and self._beat_ns + self._safe_ns < at_ns:
            self._on = False
            self._note(max(self._beat_ns + self._safe_ns, self._levels[-1].at_ns), changes)

    def _note(self, at_ns: int, changes: list[Level]) -> None:
        level, last = self._level(at_ns), self._levels[-1]
        if (level.gate, level.permit, level.relay) != (last.gate, last.permit, last.relay):
            self._levels.append(level)
            changes.append(level)

    def _level(self, at_ns: int) -> Level:
        gate, permit = self._wires[Output.GATE], self._wires[Output.PERMIT]
        return Level(at_ns=at_ns, gate=gate and self._on, permit=permit and self._on, relay=self._on, wire=gate)


def outcome(levels: Iterable[Level], *, pass_pulse: bool) -> str:
    """What the gate does to a part that is under it during all of `levels`: passed, rejected, or torn between."""
    passing = {level.gate == pass_pulse for level in levels}
    if len(passing) > 1:
        return "torn"
    return "passed" if passing == {True} else "rejected"
