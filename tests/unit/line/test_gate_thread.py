"""The gate's thread, as it runs, on a clock held by hand: default reject, cut-off, heartbeat, gaps, full queues, ends.

Each step moves the clock by less than the time gap and then waits until the thread has looked at it, so that nothing
depends on how quick this machine is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from edge.bus.iopage import Output
from edge.clock import MS, SECOND, ManualClock
from edge.domain.part import PartId
from edge.domain.verdict import GateOutcome
from edge.line import gate_thread
from edge.line.belt import TimeBelt
from edge.line.gate import Done, GateKind, GatePlan, GateSettings, Trouble, Window
from edge.line.gate_thread import Add, Allow, Answer, Gap, GateThread, Inputs, Progress, Purge, Report, SetOutput, Told
from edge.line.ports import Input, InputEvent
from tests.unit.line.rig import FakePort, Wake, until

TRAVEL_MS, HALF_MS, LEAD_MS, PURGE_MS, GAP_MS, SAFE_MS, BEAT_MS = 200, 20, 10, 250, 50, 100, 20
MAIN_LIMIT_MS, COMMIT_LIMIT_MS = 200, 1000


def part(n: int) -> PartId:
    return PartId(station="t", epoch=1, n=n)


class Machine:
    """A gate thread and what it stands between. alive: the main loop turns (its mark moves with every step)."""

    def __init__(self, kind: GateKind = "pass_pulse") -> None:
        self.kind = kind
        self.clock = ManualClock()
        self.port = FakePort(self.clock)
        self.wake = Wake()
        self.progress = Progress(main_ns=self.clock.now_ns())
        self.alive = True
        self.said: list[Report] = []
        settings = GateSettings(
            kind=kind, lead_ns=LEAD_MS * MS, max_travel_ns=PURGE_MS * MS, time_gap_ns=GAP_MS * MS,
            safe_ns=SAFE_MS * MS, confirm=False, confirm_within_ns=200 * MS,
        )  # fmt: skip
        self.belt = TimeBelt(has_input=True, now_ns=self.clock.now_ns())
        self.gate = GateThread(
            plan=GatePlan(settings, self.belt), port=self.port, settings=settings, heartbeat_ns=BEAT_MS * MS,
            progress=self.progress, clock=self.clock, wake_fd=self.wake.fd,
        )  # fmt: skip
        self._lamp = False

    def start(self) -> None:
        self.gate.start()
        self.tell(Inputs(event=InputEvent(input=Input.BELT, value=1, at_ns=self.clock.now_ns(), edge=False)))
        self.look()

    def tell(self, message: Told) -> None:
        assert self.gate.tell(message)

    def look(self) -> None:
        """Until the thread has seen the time and everything that was told: twice round, as reports come last."""
        for _ in range(2):
            self._lamp = not self._lamp
            self.tell(SetOutput(output=Output.LAMP, level=self._lamp))
            until(lambda: self.port.levels.get(Output.LAMP) is self._lamp, "the gate's next turn")
        self.said += self.gate.reports()

    def step(self, ms: int) -> None:
        self.clock.advance_ms(ms)
        if self.alive:
            self.progress.main_ns = self.clock.now_ns()
        self.look()

    def run(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.step(10)

    def warm(self) -> None:
        """The purge after the start is over."""
        self.start()
        self.run(PURGE_MS + 10)

    def trigger(self, n: int, *, allowed: bool = False) -> None:
        centre = self.belt_now + TRAVEL_MS * MS
        window = Window(start=centre - HALF_MS * MS, centre=centre, end=centre + HALF_MS * MS)
        self.tell(Add(part=part(n), window=window))
        if allowed:
            self.tell(Allow(part=part(n)))
        self.look()

    @property
    def belt_now(self) -> int:
        return self.belt.position(self.clock.now_ns())

    @property
    def passing(self) -> bool:
        level = self.port.levels[Output.GATE]
        return level if self.kind == "pass_pulse" else not level

    def all(self, sort: type) -> list[Report]:
        return [report for report in self.said if isinstance(report, sort)]

    def outcomes(self) -> dict[int, GateOutcome]:
        return {report.part.n: report.outcome for report in self.said if isinstance(report, Done)}

    def acted(self) -> dict[int, bool]:
        return {report.part.n: report.acted for report in self.said if isinstance(report, Answer)}

    def close(self) -> None:
        self.gate.close()
        self.wake.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def machine(kind: GateKind = "pass_pulse") -> Machine:
        made.append(Machine(kind))
        return made[-1]

    yield machine
    for each in made:
        each.close()


@pytest.fixture
def machine(make: Callable[..., Machine]) -> Machine:
    return make()


@pytest.mark.parametrize(("kind", "rejecting"), [("pass_pulse", False), ("reject_pulse", True)])
def test_at_the_start_it_rejects_and_the_permit_is_off(
    make: Callable[..., Machine], kind: GateKind, rejecting: bool
) -> None:
    it = make(kind)
    it.start()
    assert it.port.of(Output.GATE)[0].level is rejecting
    assert it.port.levels[Output.PERMIT] is False
    it.trigger(1, allowed=True)  # what is under way when it starts comes by in the purge
    it.run(PURGE_MS - 10)
    assert [change.level for change in it.port.of(Output.GATE)] == [rejecting]
    it.run(100)
    assert it.outcomes() == {1: GateOutcome.COLLATERAL}


def test_a_part_without_its_ok_is_rejected(machine: Machine) -> None:
    machine.warm()
    machine.trigger(1)
    machine.run(TRAVEL_MS + 100)
    assert machine.outcomes() == {1: GateOutcome.REJECTED}
    assert [change.level for change in machine.port.of(Output.GATE)] == [False]


def test_an_ok_in_time_opens_the_gate_for_its_window_only(machine: Machine) -> None:
    machine.warm()
    began_ns = machine.clock.now_ns()
    machine.trigger(1, allowed=True)
    machine.run(TRAVEL_MS + 100)
    changes = [(change.level, (change.at_ns - began_ns) // MS) for change in machine.port.of(Output.GATE)[1:]]
    assert changes == [(True, TRAVEL_MS - HALF_MS), (False, TRAVEL_MS + HALF_MS)]
    assert machine.acted() == {1: True}
    assert machine.outcomes() == {1: GateOutcome.PASSED}
    assert machine.wake.rang()


def test_an_ok_after_the_cut_off_is_answered_so_and_changes_nothing(machine: Machine) -> None:
    machine.warm()
    machine.trigger(1)
    machine.run(TRAVEL_MS - HALF_MS - LEAD_MS)
    machine.tell(Allow(part=part(1)))
    machine.run(150)
    assert machine.acted() == {1: False}
    assert machine.outcomes() == {1: GateOutcome.REJECTED}


def test_an_ok_for_a_part_that_nobody_announced_opens_nothing(machine: Machine) -> None:
    machine.warm()
    machine.tell(Allow(part=part(9)))
    machine.run(TRAVEL_MS + 100)
    assert machine.acted() == {9: False}
    assert [change.level for change in machine.port.of(Output.GATE)] == [False]


def test_the_heartbeat_toggles_twice_a_period(machine: Machine) -> None:
    machine.start()
    machine.run(200)
    beats = machine.port.of(Output.HEARTBEAT)
    assert [change.level for change in beats[:4]] == [True, False, True, False]
    assert {(after.at_ns - before.at_ns) // MS for before, after in itertools.pairwise(beats)} == {10}
    assert machine.gate.stats.beats == len(beats)


def test_the_permit_is_what_it_was_told(machine: Machine) -> None:
    machine.start()
    machine.tell(SetOutput(output=Output.PERMIT, level=True))
    machine.look()
    assert machine.port.levels[Output.PERMIT] is True
    machine.tell(SetOutput(output=Output.PERMIT, level=False))
    machine.look()
    assert machine.port.levels[Output.PERMIT] is False


def stop_the_main_loop(machine: Machine) -> None:
    machine.alive = False


def stop_the_commits(machine: Machine) -> None:
    machine.progress.commit_since_ns = machine.clock.now_ns()


def go_on(machine: Machine) -> None:
    machine.alive = True
    machine.progress.commit_since_ns = 0


@pytest.mark.parametrize(
    ("stop", "limit_ms"), [(stop_the_main_loop, MAIN_LIMIT_MS), (stop_the_commits, COMMIT_LIMIT_MS)]
)
def test_a_stuck_chain_gets_no_heartbeat_no_permit_and_no_part_by(
    machine: Machine, stop: Callable[[Machine], None], limit_ms: int
) -> None:
    machine.warm()
    machine.tell(SetOutput(output=Output.PERMIT, level=True))
    stop(machine)
    machine.run(limit_ms)
    assert machine.port.levels[Output.PERMIT] is True
    machine.trigger(1, allowed=True)
    machine.run(20)
    beats = machine.gate.stats.beats
    assert machine.port.levels[Output.PERMIT] is False
    machine.run(3 * SAFE_MS)
    assert machine.gate.stats.beats == beats  # the relay drops gate and permit
    (gap,) = machine.all(Gap)
    assert isinstance(gap, Gap)
    assert (gap.why, gap.parts) == ("chain_stuck", (part(1),))
    go_on(machine)
    machine.trigger(2, allowed=True)  # the purge begins anew
    machine.run(TRAVEL_MS + 100)
    assert machine.gate.stats.beats > beats
    assert machine.port.levels[Output.PERMIT] is True
    assert machine.outcomes()[1] is GateOutcome.REJECTED
    assert machine.outcomes()[2] is not GateOutcome.PASSED
    machine.run(PURGE_MS)
    machine.trigger(3, allowed=True)
    machine.run(TRAVEL_MS + 100)
    assert machine.outcomes()[3] is GateOutcome.PASSED


def test_a_time_gap_puts_everything_in_flight_on_reject(machine: Machine) -> None:
    machine.warm()
    machine.trigger(1, allowed=True)
    machine.trigger(2)
    from_ns = machine.clock.now_ns()
    machine.step(BEAT_MS // 2 + GAP_MS + 1)  # it had to wake for its heartbeat
    (gap,) = machine.all(Gap)
    assert isinstance(gap, Gap)
    assert (gap.why, gap.parts, gap.to_ns) == ("time_gap", (part(1), part(2)), machine.clock.now_ns())
    assert from_ns <= gap.from_ns <= from_ns + BEAT_MS * MS
    machine.tell(Allow(part=part(2)))
    machine.run(TRAVEL_MS + 100)
    assert machine.acted() == {1: True, 2: False}
    assert set(machine.outcomes().values()) == {GateOutcome.REJECTED}
    assert [change.level for change in machine.port.of(Output.GATE)] == [False]


def test_a_gap_with_the_gate_open_says_what_went_by(machine: Machine) -> None:
    machine.warm()
    machine.trigger(1, allowed=True)
    machine.run(TRAVEL_MS - HALF_MS)
    assert machine.passing
    machine.step(3 * GAP_MS)  # longer than T_safe: the relay dropped it meanwhile
    assert not machine.passing
    machine.run(100)
    assert machine.outcomes() == {1: GateOutcome.PASSED}
    assert machine.all(Trouble) == []


@pytest.mark.parametrize("purge", [Purge(everything=True), Purge(belt_lost=True)])
def test_a_purge_of_everything_is_final(machine: Machine, purge: Purge) -> None:
    machine.warm()
    machine.trigger(1, allowed=True)
    machine.tell(purge)
    machine.tell(Allow(part=part(1)))
    machine.tell(Inputs(event=InputEvent(input=Input.BELT, value=1, at_ns=machine.clock.now_ns(), edge=False)))
    machine.run(TRAVEL_MS + 100)
    assert [report.acted for report in machine.all(Answer) if isinstance(report, Answer)] == [True, False]
    assert machine.outcomes() == {1: GateOutcome.REJECTED}
    assert [change.level for change in machine.port.of(Output.GATE)] == [False]


def test_a_stopped_belt_freezes_what_the_gate_knows(machine: Machine) -> None:
    machine.warm()
    machine.trigger(1, allowed=True)
    machine.run(100)
    machine.tell(Inputs(event=InputEvent(input=Input.BELT, value=0, at_ns=machine.clock.now_ns())))
    machine.run(1000)
    assert machine.outcomes() == {}
    assert not machine.passing
    machine.tell(Inputs(event=InputEvent(input=Input.BELT, value=1, at_ns=machine.clock.now_ns())))
    machine.run(TRAVEL_MS)
    assert machine.outcomes() == {1: GateOutcome.PASSED}


def test_a_full_inbox_refuses_parts_counts_them_and_rejects_everything(machine: Machine) -> None:
    for n in range(gate_thread.INBOX):  # the thread does not run yet, as one that starves
        assert machine.gate.tell(Allow(part=part(n + 10)))
    assert machine.gate.tell(Add(part=part(1), window=Window(start=1, centre=2, end=3))) is False
    assert machine.gate.tell(Allow(part=part(1))) is False
    # What takes permission away or moves the belt is never refused.
    assert machine.gate.tell(SetOutput(output=Output.PERMIT, level=False))
    machine.start()
    (gap,) = machine.all(Gap)
    assert isinstance(gap, Gap)
    assert (gap.why, gap.parts) == ("gate_queue_full", ())
    assert machine.gate.stats.refused == 2
    inbox, _ = machine.gate.queues()
    assert (inbox.dropped, inbox.depth) == (2, 0)
    machine.trigger(2, allowed=True)
    machine.run(TRAVEL_MS + 100)
    assert machine.outcomes() == {2: GateOutcome.COLLATERAL}  # it came in the purge


def test_reports_that_find_no_room_are_counted(machine: Machine) -> None:
    machine.start()
    machine.gate.reports()
    for n in range(gate_thread.REPORTS + 5):
        while not machine.gate.tell(Allow(part=part(n + 1))):
            machine.look()
        if n % 1000 == 0:
            until(lambda: machine.gate.queues()[0].depth == 0)
    until(lambda: machine.gate.stats.reports_lost >= 5)
    assert len(machine.gate.reports()) == gate_thread.REPORTS
    assert machine.gate.queues()[1].dropped == 5


@pytest.mark.parametrize(("kind", "rejecting"), [("pass_pulse", False), ("reject_pulse", True)])
def test_close_leaves_the_gate_on_reject_and_the_permit_off(
    make: Callable[..., Machine], kind: GateKind, rejecting: bool
) -> None:
    it = make(kind)
    it.warm()
    it.tell(SetOutput(output=Output.PERMIT, level=True))
    it.trigger(1, allowed=True)
    it.trigger(2, allowed=True)
    it.run(TRAVEL_MS)
    assert it.passing
    it.gate.close()
    assert not it.gate.running
    assert it.port.levels[Output.GATE] is rejecting
    assert it.port.levels[Output.PERMIT] is False
    beats = len(it.port.of(Output.HEARTBEAT))
    it.said += it.gate.reports()
    assert set(it.outcomes()) == {1, 2}  # each part has its outcome, also those that have not come yet
    assert it.all(Trouble) == []
    it.clock.advance_ms(1000)
    assert len(it.port.of(Output.HEARTBEAT)) == beats


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_gate_output_that_fails_ends_the_thread_with_the_permit_off(machine: Machine) -> None:
    machine.warm()
    machine.tell(SetOutput(output=Output.PERMIT, level=True))
    machine.trigger(1, allowed=True)
    machine.run(TRAVEL_MS - HALF_MS - 10)
    assert machine.port.levels[Output.PERMIT] is True
    machine.port.broken.add(Output.GATE)
    machine.clock.advance_ms(10)
    machine.gate.tell(SetOutput(output=Output.LAMP, level=True))
    until(lambda: not machine.gate.running, "the end of the thread")
    assert machine.port.levels[Output.PERMIT] is False


def test_close_before_start_and_twice_does_nothing(machine: Machine) -> None:
    machine.gate.close()
    machine.gate.close()
    assert machine.port.changes == []


def test_a_thread_that_never_wakes_again_is_noticed_and_a_frozen_process_is_not(machine: Machine) -> None:
    gate, now_ns = machine.gate, machine.clock.now_ns()
    for _ in range(200):  # many rounds in a short time
        assert not gate.stands(now_ns)
    assert not gate.stands(now_ns + SECOND)
    assert gate.stands(now_ns + 3 * SECOND)
    machine.warm()
    assert not gate.stands(now_ns + 9 * SECOND)  # it looked meanwhile
    for n in range(40):  # thawed after an hour: a few rounds before it has looked again
        assert not gate.stands(now_ns + 3600 * SECOND + n)
