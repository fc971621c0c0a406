"""A world in simulated time, with a line in front of it that is as good as its orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.apps.demo import truth
from edge.apps.demo.world import Conditions, Draw, Shot, World
from edge.bus import wire
from edge.bus.iopage import Output, OutputEvent
from edge.clock import MS, SECOND

STEP_NS = 5 * MS
START_NS = 10 * SECOND


@dataclass
class Machine:
    """`judge(n)`: whether the n-th announced part (from 1) gets a pass pulse of +-`hold_ms` around the gate time."""

    conditions: Conditions
    judge: Callable[[int], bool] = lambda n: True
    step_ns: int = STEP_NS
    hold_ms: int = 40
    beating: bool = True
    inputs: list[wire.InputEdge] = field(default_factory=list)
    levels: list[wire.InputLevels] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    truth: list[truth.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.conditions, START_NS)
        self.now_ns = START_NS
        self._beat = False
        self._beat_ns = START_NS
        self._pulses: list[OutputEvent] = [OutputEvent(output=Output.PERMIT, level=True, at_ns=START_NS + 100 * MS)]
        self._announced = 0

    def run(self, seconds: float) -> None:
        until_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < until_ns:
            self.now_ns += self.step_ns
            turn = self.world.turn(self._outputs(), self.now_ns)
            self.keep(turn)
            for edge in turn.inputs:
                if edge.input == "sensor" and edge.value:
                    self._plan(edge.at_ns)

    def keep(self, turn: object) -> None:
        for name in ("inputs", "draws", "shots", "truth"):
            getattr(self, name).extend(getattr(turn, name))
        levels = turn.levels  # type: ignore[attr-defined]
        if levels is not None:
            self.levels.append(levels)

    def events(self, kind: type[truth.Event]) -> list[truth.Event]:
        return [event for event in self.truth if isinstance(event, kind)]

    def rises(self, name: str) -> list[int]:
        return [edge.at_ns for edge in self.inputs if edge.input == name and edge.value]

    def _plan(self, edge_ns: int) -> None:
        self._announced += 1
        if self.judge(self._announced):
            middle_ns = edge_ns + round(self.conditions.travel_ms * MS)
            for level, off_ms in ((True, -self.hold_ms), (False, self.hold_ms)):
                self._pulses.append(OutputEvent(output=Output.GATE, level=level, at_ns=middle_ns + off_ms * MS))

    def _outputs(self) -> list[OutputEvent]:
        due = [pulse for pulse in self._pulses if pulse.at_ns <= self.now_ns]
        self._pulses = [pulse for pulse in self._pulses if pulse.at_ns > self.now_ns]
        while self.beating and self._beat_ns + 20 * MS <= self.now_ns:
            self._beat_ns += 20 * MS
            self._beat = not self._beat
            due.append(OutputEvent(output=Output.HEARTBEAT, level=self._beat, at_ns=self._beat_ns))
        if not self.beating:
            self._beat_ns = self.now_ns
        return due
