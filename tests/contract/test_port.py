"""What every port of the line keeps to (edge.line.ports.Port), whichever I/O is behind it: the simulated one now.

A rig plays the machine: it changes inputs and looks at the outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.bus import topics, wire
from edge.bus.iopage import Output, OutputEvent, OutputPage
from edge.bus.sockets import Bus, Poller, Publisher
from edge.clock import MS, SystemClock
from edge.errors import PortError
from edge.line.ports import Input, InputEvent, Port
from edge.line.simulated import PAGE_NAME, SimulatedPort

PATIENCE_S = 10.0


class SimulatedMachine:
    """The virtual line's end: publishes inputs, owns the page of outputs."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._bus = Bus(run_dir)
        self._inputs: Publisher = self._bus.publisher(topics.SIM_INPUTS)
        self._page = OutputPage.create(run_dir / PAGE_NAME)
        self.clock = SystemClock()
        self.ticks = 0

    def edge(self, input_: str, value: bool, at_ns: int | None = None) -> int:
        at_ns = self.clock.now_ns() if at_ns is None else at_ns
        self._inputs.send(wire.InputEdge(input=input_, value=value, at_ns=at_ns))
        return at_ns

    def levels(self, *, belt: bool = True) -> int:
        at_ns = self.clock.now_ns()
        self._inputs.send(wire.InputLevels(belt=belt, bin_full=False, sensor=True, ticks=self.ticks, at_ns=at_ns))
        return at_ns

    def seen(self) -> list[OutputEvent]:
        return self._page.read()

    def stop(self) -> None:
        """As a killed one: nothing is tidied away but what the kernel takes."""
        self._page.close()
        self._bus.close()


@pytest.fixture
def machines(run_dir: Path) -> Iterator[Callable[[], SimulatedMachine]]:
    made: list[SimulatedMachine] = []

    def start() -> SimulatedMachine:
        made.append(SimulatedMachine(run_dir))
        return made[-1]

    yield start
    if made:
        made[-1].stop()


@pytest.fixture
def port(run_dir: Path) -> Iterator[Port]:
    with Bus(run_dir) as bus:
        port = SimulatedPort(bus, run_dir, SystemClock())
        yield port
        port.close()


def until(
    port: Port, reached: Callable[[list[InputEvent]], bool], poke: Callable[[], object] = int
) -> list[InputEvent]:
    """Read until it is so; a subscriber may still be connecting, so `poke` is asked each time."""
    events: list[InputEvent] = []
    end = time.monotonic() + PATIENCE_S
    while not reached(events):
        assert time.monotonic() < end, events
        poke()
        time.sleep(0.005)
        events += port.read()
    return events


def connect(port: Port, machine: SimulatedMachine) -> None:
    until(port, lambda events: bool(events) and port.alive(machine.clock.now_ns()), machine.levels)


def test_without_a_machine_it_is_not_alive_and_nothing_fails(port: Port) -> None:
    assert port.read() == []
    assert not port.alive(SystemClock().now_ns())
    assert port.seen_until_ns() == 0
    for output in Output:
        port.set(output, True)


def test_edges_come_in_order_with_their_own_time(port: Port, machines: Callable[[], SimulatedMachine]) -> None:
    machine = machines()
    connect(port, machine)
    sent = [machine.edge(name, value) for name, value in (("sensor", True), ("sensor", False), ("confirm", True))]
    events = [event for event in until(port, lambda got: sum(event.edge for event in got) == 3) if event.edge]
    assert [(event.input, event.value, event.at_ns) for event in events] == [
        (Input.SENSOR, 1, sent[0]), (Input.SENSOR, 0, sent[1]), (Input.CONFIRM, 1, sent[2]),
    ]  # fmt: skip
    assert port.seen_until_ns() >= sent[-1]
    assert port.lost() == 0


def test_levels_are_reports_and_no_edges(port: Port, machines: Callable[[], SimulatedMachine]) -> None:
    machine = machines()
    connect(port, machine)
    machine.ticks = 42
    at_ns = machine.levels(belt=False)
    events = until(port, lambda got: any(event.at_ns == at_ns for event in got))
    report = {event.input: event for event in events if event.at_ns == at_ns}
    assert {name: event.value for name, event in report.items()} == {
        Input.BELT: 0, Input.BIN_FULL: 0, Input.SENSOR: 1, Input.ENCODER: 42,
    }  # fmt: skip
    assert not any(event.edge for event in report.values())


def test_an_input_wakes_the_main_loop(port: Port, machines: Callable[[], SimulatedMachine]) -> None:
    machine = machines()
    connect(port, machine)
    port.read()
    poller = Poller()
    port.register(poller)
    assert not poller.wait(0)
    machine.edge("belt", False)
    assert poller.wait(round(PATIENCE_S * 1000))


def test_outputs_reach_the_machine_each_with_its_time(port: Port, machines: Callable[[], SimulatedMachine]) -> None:
    machine = machines()
    connect(port, machine)
    before_ns = machine.clock.now_ns()
    for level in (True, False, True):
        port.set(Output.GATE, level)
    port.set(Output.PERMIT, True)
    seen = machine.seen()
    assert [(event.output, event.level) for event in seen] == [
        (Output.GATE, True), (Output.GATE, False), (Output.GATE, True), (Output.PERMIT, True),
    ]  # fmt: skip
    stamps = [event.at_ns for event in seen]
    assert before_ns <= stamps[0]
    assert stamps == sorted(stamps)


def test_what_was_set_before_the_machine_is_there_is_told_to_it_with_the_next_change(
    port: Port, machines: Callable[[], SimulatedMachine]
) -> None:
    port.set(Output.PERMIT, True)
    port.set(Output.GATE, False)
    machine = machines()
    connect(port, machine)
    port.set(Output.HEARTBEAT, True)
    assert {event.output: event.level for event in machine.seen()} == {
        Output.PERMIT: True, Output.GATE: False, Output.HEARTBEAT: True,
    }  # fmt: skip


def test_a_machine_that_starts_again_is_found_and_knows_every_level(
    port: Port, machines: Callable[[], SimulatedMachine]
) -> None:
    first = machines()
    connect(port, first)
    port.set(Output.PERMIT, True)
    port.set(Output.GATE, True)
    first.stop()
    port.set(Output.HEARTBEAT, True)  # a page that nobody reads any more must not be a crash
    second = machines()
    assert second.seen() == []

    def beats() -> None:
        second.levels()
        port.set(Output.HEARTBEAT, False)

    told: dict[Output, bool] = {}

    def knows(events: list[InputEvent]) -> bool:
        told.update((event.output, event.level) for event in second.seen())
        return bool(events) and told == {Output.PERMIT: True, Output.GATE: True, Output.HEARTBEAT: False}

    until(port, knows, beats)
    assert port.alive(second.clock.now_ns())


def test_silence_ends_its_life(port: Port, machines: Callable[[], SimulatedMachine]) -> None:
    machine = machines()
    connect(port, machine)
    heard_ns = port.seen_until_ns()
    assert port.alive(heard_ns + topics.SIM_INPUTS.silent_after_ms * MS)
    assert not port.alive(heard_ns + topics.SIM_INPUTS.silent_after_ms * MS + 1)


def test_a_stamp_from_the_future_and_an_unknown_input_are_counted_and_harmless(
    port: Port, machines: Callable[[], SimulatedMachine]
) -> None:
    machine = machines()
    connect(port, machine)
    future_ns = machine.edge("sensor", True, machine.clock.now_ns() + 3600 * 1000 * MS)
    machine.edge("lever", True)
    machine.edge("confirm", True)
    events = until(port, lambda got: any(event.input is Input.CONFIRM for event in got))
    (sensor,) = [event for event in events if event.input is Input.SENSOR and event.edge]
    assert sensor.at_ns <= machine.clock.now_ns() < future_ns
    assert port.queues()[0].malformed == 2
    assert port.seen_until_ns() < future_ns


def test_what_is_no_page_is_no_machine(run_dir: Path, port: Port) -> None:
    (run_dir / PAGE_NAME).write_bytes(b"x")
    port.read()
    port.set(Output.GATE, True)
    assert not port.alive(SystemClock().now_ns())
    with pytest.raises(PortError):
        OutputPage.attach(run_dir / PAGE_NAME)
