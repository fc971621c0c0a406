"""The gate's plan under anything that can happen: parts, late OKs, belt stops, gaps, purges; both kinds of gate.

Time runs in steps of 1 ms. What must hold is written from the promises, not from the plan's own code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import MS
from edge.domain.part import PartId
from edge.domain.verdict import GateOutcome
from edge.line.belt import TimeBelt
from edge.line.gate import Done, GateKind, GatePlan, GateSettings, Window
from edge.line.ports import Input, InputEvent

TRAVEL_MS, HALF_MS, LEAD_MS, PURGE_MS = 200, 20, 10, 250


def make_settings(kind: GateKind) -> GateSettings:
    return GateSettings(
        kind=kind,
        lead_ns=LEAD_MS * MS,
        max_travel_ns=PURGE_MS * MS,
        time_gap_ns=50 * MS,
        safe_ns=100 * MS,
        confirm=False,
        confirm_within_ns=200 * MS,
    )


@dataclass
class World:
    """Drives a plan and keeps its own account of what was told when."""

    kind: GateKind
    now_ms: int = 0
    running: bool = True
    windows: dict[PartId, Window] = field(default_factory=dict)
    ok_in_time: set[PartId] = field(default_factory=set)
    done: dict[PartId, list[Done]] = field(default_factory=dict)
    unsafe: list[str] = field(default_factory=list)
    purged_until_position: int = -1
    finishing: set[PartId] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.belt = TimeBelt(has_input=True, now_ns=0)
        self.plan = GatePlan(make_settings(self.kind), self.belt)
        self.plan.take(self.belt_event(edge=False), 0)
        self.purged()

    def belt_event(self, *, edge: bool = True) -> InputEvent:
        return InputEvent(input=Input.BELT, value=int(self.running), at_ns=self.now_ms * MS, edge=edge)

    @property
    def position(self) -> int:
        return self.belt.position(self.now_ms * MS)

    def purged(self) -> None:
        self.purged_until_position = self.position + PURGE_MS * MS

    def trigger(self) -> None:
        part = PartId(station="t", epoch=1, n=len(self.windows) + 1)
        centre = self.position + TRAVEL_MS * MS
        window = Window(start=centre - HALF_MS * MS, centre=centre, end=centre + HALF_MS * MS)
        self.windows[part] = window
        self.plan.add(part, window, self.now_ms * MS)

    def allow(self, n: int) -> None:
        part = PartId(station="t", epoch=1, n=n)
        if part not in self.windows:
            return
        before_cutoff = self.position + LEAD_MS * MS < self.windows[part].start
        acted = self.plan.allow(part, self.now_ms * MS)
        if acted and not before_cutoff:
            self.unsafe.append(f"{part} allowed after its cut-off")
        if acted:
            self.ok_in_time.add(part)

    def toggle_belt(self) -> None:
        self.running = not self.running
        self.plan.take(self.belt_event(), self.now_ms * MS)

    def deny_all(self) -> None:
        for part in self.plan.deny_all(self.now_ms * MS):
            self.ok_in_time.discard(part)
        self.purged()

    def halt(self) -> None:
        """Only an OK part under the open gate, and what overlaps with it, may still pass."""
        denied = self.plan.halt(self.now_ms * MS)
        self.ok_in_time -= set(denied)
        self.finishing |= {part for part in self.windows if part not in self.done} & self.ok_in_time
        self.purged()

    def purge(self) -> None:
        self.plan.purge(self.now_ms * MS)
        self.purged()

    def step(self) -> None:
        self.now_ms += 1
        level = self.plan.turn(self.now_ms * MS)
        for report in self.plan.reports():
            if isinstance(report, Done):
                self.done.setdefault(report.part, []).append(report)
        passing = level if self.kind == "pass_pulse" else not level
        if passing:
            self.check_passing()

    def check_passing(self) -> None:
        here = self.position
        inside = [part for part, window in self.windows.items() if window.start <= here < window.end]
        for part in inside:
            if part not in self.ok_in_time:
                self.unsafe.append(f"open at {self.now_ms} ms on {part} without its OK")
        if self.kind == "pass_pulse" and not inside:
            self.unsafe.append(f"open at {self.now_ms} ms outside every window")
        if here < self.purged_until_position and not self.finishing & set(inside):
            self.unsafe.append(f"open at {self.now_ms} ms during a purge")

    def run(self, ms: int) -> None:
        for _ in range(ms):
            self.step()


ACTIONS = st.one_of(
    st.tuples(st.just("trigger"), st.just(0)),
    st.tuples(st.just("trigger"), st.just(0)),
    st.tuples(st.just("allow"), st.integers(1, 12)),
    st.tuples(st.just("allow"), st.integers(1, 12)),
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("belt"), st.just(0)),
    st.tuples(st.just("deny"), st.just(0)),
    st.tuples(st.just("halt"), st.just(0)),
    st.tuples(st.just("purge"), st.just(0)),
)


def act(world: World, action: str, value: int) -> None:
    if action == "trigger":
        world.trigger()
    elif action == "allow":
        world.allow(value)
    elif action == "wait":
        world.run(value)
    elif action == "belt":
        world.toggle_belt()
    elif action == "deny":
        world.deny_all()
    elif action == "halt":
        world.halt()
    else:
        world.purge()


@pytest.mark.parametrize("kind", ["pass_pulse", "reject_pulse"])
@given(actions=st.lists(ACTIONS, max_size=40))
@settings(max_examples=150, deadline=None)
def test_nothing_passes_without_its_ok_and_every_part_has_one_outcome(
    kind: GateKind, actions: list[tuple[str, int]]
) -> None:
    world = World(kind=kind)
    for action, value in actions:
        act(world, action, value)
    if not world.running:
        world.toggle_belt()
    world.run(2 * TRAVEL_MS + 100)
    assert world.unsafe == []
    assert set(world.done) == set(world.windows)
    for part, reports in world.done.items():
        assert len(reports) == 1, part
        if reports[0].outcome is GateOutcome.PASSED:
            assert part in world.ok_in_time


@pytest.fixture(params=["pass_pulse", "reject_pulse"])
def world(request: pytest.FixtureRequest) -> World:
    world = World(kind=request.param)
    world.run(PURGE_MS + 10)  # the purge after the start
    return world


def outcome(world: World, n: int) -> GateOutcome:
    (report,) = world.done[PartId(station="t", epoch=1, n=n)]
    return report.outcome


def test_an_ok_in_time_passes(world: World) -> None:
    world.trigger()
    world.run(100)
    world.allow(1)
    world.run(300)
    assert outcome(world, 1) is GateOutcome.PASSED
    assert world.unsafe == []


def test_without_an_ok_it_is_rejected(world: World) -> None:
    world.trigger()
    world.run(400)
    assert outcome(world, 1) is GateOutcome.REJECTED


def test_an_ok_after_the_cut_off_changes_nothing(world: World) -> None:
    world.trigger()
    world.run(TRAVEL_MS - HALF_MS - LEAD_MS)
    world.allow(1)
    assert world.ok_in_time == set()
    world.run(300)
    assert outcome(world, 1) is GateOutcome.REJECTED


def test_a_good_part_beside_a_reject_is_lost_with_it(world: World) -> None:
    world.trigger()
    world.run(HALF_MS)
    world.trigger()
    world.allow(1)
    world.run(400)
    assert (outcome(world, 1), outcome(world, 2)) == (GateOutcome.COLLATERAL, GateOutcome.REJECTED)


def test_a_stopped_belt_freezes_the_queue_and_the_cut_off(world: World) -> None:
    world.trigger()
    world.run(50)
    world.toggle_belt()
    world.run(1000)
    assert world.done == {}
    world.allow(1)
    world.toggle_belt()
    world.run(300)
    assert outcome(world, 1) is GateOutcome.PASSED


def test_parts_in_flight_at_a_gap_never_pass(world: World) -> None:
    world.trigger()
    world.allow(1)
    world.deny_all()
    world.allow(1)
    world.run(400)
    assert outcome(world, 1) is GateOutcome.REJECTED
    assert world.unsafe == []


def test_a_halt_lets_the_part_under_the_open_gate_leave_whole_and_nothing_after_it(world: World) -> None:
    world.trigger()
    world.allow(1)
    world.run(HALF_MS * 3)
    world.trigger()
    world.allow(2)
    world.run(TRAVEL_MS - HALF_MS * 3)  # the first part's middle is at the gate
    levels = []
    world.halt()
    for _ in range(HALF_MS - 1):
        world.step()
        levels.append(world.plan.turn(world.now_ms * MS))
    assert len(set(levels)) == 1  # the gate does not move until the part has left
    world.run(400)
    assert (outcome(world, 1), outcome(world, 2)) == (GateOutcome.PASSED, GateOutcome.REJECTED)
    assert world.unsafe == []


def test_a_halt_before_the_window_denies_like_any_other(world: World) -> None:
    world.trigger()
    world.allow(1)
    world.run(TRAVEL_MS - HALF_MS - 2)
    world.halt()
    world.run(400)
    assert outcome(world, 1) is GateOutcome.REJECTED
    assert world.unsafe == []


def held_up(world: World) -> set[bool]:
    """The levels while a part with its OK is at the gate, when whoever steers was held up a little: no gap yet."""
    world.trigger()
    world.allow(1)
    world.run(TRAVEL_MS - HALF_MS - 1)
    world.now_ms += HALF_MS // 2 + 2
    levels = set()
    for _ in range(HALF_MS):
        world.step()
        levels.add(world.plan.turn(world.now_ms * MS))
    world.run(300)
    return levels


def test_a_gate_that_would_open_late_does_not_open_at_all() -> None:
    world = World(kind="pass_pulse")
    world.run(PURGE_MS + 10)
    assert held_up(world) == {False}
    assert outcome(world, 1) is GateOutcome.COLLATERAL


def test_a_gate_that_is_open_already_stays_so() -> None:
    world = World(kind="reject_pulse")
    world.run(PURGE_MS + 10)
    assert held_up(world) == {False}
    assert outcome(world, 1) is GateOutcome.PASSED
