"""Hearing the inputs: when they are not heard it is an outage, and what lies in it is no part."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.bus.wire import QueueState
from edge.clock import MS
from edge.domain.ledger import OutageRecord
from edge.line.gate_thread import Inputs, Purge
from edge.line.inputs import INPUTS, START, InputWatch
from edge.line.ports import Input, InputEvent
from tests.unit.line.plant import Plant


@dataclass
class FakePort:
    events: list[InputEvent] = field(default_factory=list)
    is_alive: bool = False
    until_ns: int = 0
    lost_count: int = 0

    def read(self) -> list[InputEvent]:
        events, self.events = self.events, []
        self.until_ns = max([self.until_ns, *(event.at_ns for event in events)])
        return events

    def alive(self, now_ns: int) -> bool:
        return self.is_alive

    def seen_until_ns(self) -> int:
        return self.until_ns

    def lost(self) -> int:
        return self.lost_count

    def queues(self) -> tuple[QueueState, ...]:
        return ()


class Rig:
    def __init__(self) -> None:
        self.plant = Plant(belt=False)
        self.port = FakePort()
        self.outages, self.gate, self.committer = self.plant.outages, self.plant.gate, self.plant.committer
        self.outages.begin(START, 1000)
        self.watch = InputWatch(
            self.port, self.plant.belt, self.gate, self.plant.journal, self.outages, self.plant.clock,  # type: ignore[arg-type]
        )  # fmt: skip

    def event(self, kind: Input, value: int, at_ms: float, *, edge: bool = True) -> InputEvent:
        return InputEvent(input=kind, value=value, at_ns=round(at_ms * MS), edge=edge)

    def read(self, *events: InputEvent) -> list[InputEvent]:
        self.port.events = list(events)
        return self.watch.read()

    def hear(self) -> None:
        self.port.is_alive = True
        self.read(self.event(Input.BELT, 1, 10_000, edge=False))

    @property
    def recorded(self) -> list[tuple[int, int, str]]:
        found = self.committer.of(OutageRecord)
        return [(e.from_ns, e.to_ns, e.why) for e in found if isinstance(e, OutageRecord)]


def test_the_outage_of_the_start_ends_with_what_was_heard_first() -> None:
    rig = Rig()
    assert rig.read(rig.event(Input.SENSOR, 1, 9_990)) == []
    rig.port.is_alive = True
    assert rig.read(rig.event(Input.SENSOR, 1, 9_999), rig.event(Input.BELT, 1, 10_000, edge=False)) == []
    assert rig.recorded == [(1000, 10_000 * MS, START)]
    assert rig.watch.heard
    assert rig.watch.accepted_from_ns == 10_000 * MS
    after = rig.event(Input.SENSOR, 1, 10_001)
    assert rig.read(after) == [after]


def test_silence_is_an_outage_and_the_belt_is_lost_for_both_threads_at_one_time() -> None:
    rig = Rig()
    rig.hear()
    rig.read(rig.event(Input.SENSOR, 1, 10_300))
    rig.port.is_alive = False
    rig.plant.clock.advance_ms(900)
    rig.read()
    assert rig.watch.just_lost
    assert not rig.plant.belt.known
    assert rig.gate.of(Purge)[-1] == Purge(belt_lost=True, at_ns=rig.plant.clock.now_ns())
    assert rig.outages.open_for(INPUTS)
    rig.read()
    assert not rig.watch.just_lost
    rig.port.is_alive = True
    assert rig.read(rig.event(Input.SENSOR, 1, 11_500), rig.event(Input.BELT, 1, 11_600, edge=False)) == []
    assert rig.recorded[-1] == (10_300 * MS, 11_600 * MS, INPUTS)
    assert rig.plant.belt.known


def test_lost_messages_are_an_outage_of_their_own_and_nothing_in_flight_passes() -> None:
    rig = Rig()
    rig.hear()
    rig.port.lost_count = 2
    late = rig.event(Input.SENSOR, 1, 10_400)
    assert rig.read(late) == [late]
    assert rig.recorded[-1][:2] == (10_000 * MS, 10_400 * MS)
    assert rig.gate.of(Purge)[-1] == Purge(everything=True)


def test_the_gate_hears_belt_and_bin_and_the_line_the_full_bin() -> None:
    rig = Rig()
    rig.hear()
    confirm, stop = rig.event(Input.CONFIRM, 1, 10_100), rig.event(Input.BELT, 0, 10_200)
    rig.read(confirm, stop, rig.event(Input.BIN_FULL, 1, 10_250))
    assert rig.gate.of(Inputs)[-2:] == [Inputs(event=confirm), Inputs(event=stop)]
    assert not rig.plant.belt.running
    assert rig.watch.bin_full
    rig.read(rig.event(Input.BIN_FULL, 0, 10_300))
    assert not rig.watch.bin_full


def test_what_was_lost_just_before_the_silence_belongs_to_its_outage() -> None:
    """A line that was frozen finds its queue overrun and nobody sending any more, both in one look."""
    rig = Rig()
    rig.hear()
    rig.port.lost_count = 2
    rig.port.is_alive = False
    rig.plant.clock.advance_ms(5000)
    rig.read(rig.event(Input.SENSOR, 1, 13_000))
    rig.port.is_alive = True
    rig.read(rig.event(Input.BELT, 1, 16_000, edge=False))
    assert rig.recorded[-1] == (10_000 * MS, 16_000 * MS, INPUTS)
