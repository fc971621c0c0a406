"""The machine in simulated time: exact stamps, gate physics, troubles."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.apps.demo import truth
from edge.apps.demo.troubles import Trouble, parse
from edge.apps.demo.world import Conditions
from edge.clock import MS, SECOND
from edge.errors import UsageError
from tests.unit.apps.demo.machine import START_NS, Machine

RUN = Conditions(product="biscuit", seed=3, rate_per_min=300, parts=12)


def machine(**changes: object) -> Machine:
    fields = {name: getattr(RUN, name) for name in RUN.__dataclass_fields__} | changes
    return Machine(Conditions(**fields))  # type: ignore[arg-type]


def outcomes(m: Machine) -> dict[int, str]:
    return {event.n: event.outcome for event in m.events(truth.Gate)}  # type: ignore[attr-defined]


def test_feeding_waits_for_the_permit() -> None:
    m = machine()
    m.beating = False
    m.run(3)
    assert m.draws == []
    assert not m.world.started
    m.beating = True
    m.run(3)
    assert m.draws


def test_every_part_is_announced_photographed_and_gated() -> None:
    m = machine()
    m.judge = lambda n: n % 2 == 1
    m.run(8)
    assert m.world.drained
    assert len(m.rises("sensor")) == 12
    assert [draw.spec.n for draw in m.draws] == [shot.n for shot in m.shots] == list(range(1, 13))
    assert outcomes(m) == {n: "passed" if n % 2 else "rejected" for n in range(1, 13)}
    edges = {event.n: event.at_ns for event in m.events(truth.Edge)}  # type: ignore[attr-defined]
    for gate in m.events(truth.Gate):
        assert gate.at_ns - edges[gate.n] == pytest.approx(800 * MS, abs=2)  # type: ignore[attr-defined]
    for shot in m.shots:
        assert shot.exposed_at_ns == edges[shot.n] + 3 * MS
    assert len(m.rises("confirm")) == 6


def test_pictures_are_ordered_long_before_they_are_due() -> None:
    m = machine(rate_per_min=600)
    m.run(1)
    seen = len(m.rises("sensor"))
    assert len(m.draws) - seen >= 5


def test_parts_come_at_the_rate_with_a_little_jitter() -> None:
    m = machine(parts=40)
    m.run(12)
    gaps = [(b - a) / MS for a, b in itertools.pairwise(m.rises("sensor"))]
    assert sum(gaps) / len(gaps) == pytest.approx(200, rel=0.01)
    assert 187 < min(gaps) < 199.5 < 200.5 < max(gaps) < 213


def test_lateness_of_turns_changes_no_time() -> None:
    quick, slow = machine(), machine()
    slow.step_ns = 37 * MS  # late, but earlier than what the gate needs to know
    for m in (quick, slow):
        m.judge = lambda n: n % 3 == 0
    quick.run(8)
    slow.run(8.005)
    kinds = (truth.Edge, truth.Exposure, truth.Bin)
    shift = slow.rises("sensor")[0] - quick.rises("sensor")[0]  # feeding begins when the permit is noticed
    for kind in kinds:
        assert [e.at_ns + shift for e in quick.events(kind)] == pytest.approx(
            [e.at_ns for e in slow.events(kind)], abs=3
        )
    assert outcomes(quick) == outcomes(slow)


def test_stamps_never_go_back_between_turns_and_reports() -> None:
    """Line takes a report as "all up to here was said": an edge with an older stamp after it would be lost time."""
    m = machine(parts=20)
    m.world.trouble(Trouble.SENSOR_BOUNCE, 4)
    said_ns = START_NS
    for _ in range(1500):
        edges, reports = len(m.inputs), len(m.levels)
        m.run(0.005)
        for edge in m.inputs[edges:]:
            assert edge.at_ns >= said_ns
            said_ns = edge.at_ns
        for report in m.levels[reports:]:
            assert report.at_ns >= said_ns
            said_ns = report.at_ns


def test_a_dropped_heartbeat_rejects_though_the_gate_output_stands() -> None:
    m = machine(parts=40)
    m.run(4)
    m.beating = False
    m.run(1.5)
    m.beating = True
    m.run(8)
    found = outcomes(m)
    assert {"passed", "rejected"} <= set(found.values())
    off = [event.at_ns for event in m.events(truth.Relay) if not event.on]  # type: ignore[attr-defined]
    assert len(off) == 1
    felt = [event for event in m.events(truth.Gate) if off[0] + 60 * MS < event.at_ns < off[0] + SECOND]
    assert felt
    assert all(event.outcome == "rejected" and not event.relay for event in felt)  # type: ignore[attr-defined]


def test_a_pulse_that_ends_under_the_part_tears_it() -> None:
    m = machine()
    m.hold_ms = 10
    m.run(8)
    assert set(outcomes(m).values()) == {"torn"}


def test_reject_pulse_needs_the_permit_to_stop_the_belt() -> None:
    m = machine(pass_pulse=False, parts=40)
    m.judge = lambda n: False
    m.run(4)
    assert set(outcomes(m).values()) == {"passed"}  # it rests at pass
    m.beating = False
    m.run(1)
    assert not m.levels[-1].belt


def test_a_stopped_belt_freezes_everything() -> None:
    m = machine()
    m.run(2)
    m.keep(m.world.trouble(Trouble.BELT_STOP, 2.0))
    stopped_ns = m.now_ns
    gated = len(m.events(truth.Gate))
    m.run(1.9)
    assert not m.levels[-1].belt
    assert m.levels[-1].ticks == m.levels[-5].ticks
    assert not [at for at in m.rises("sensor") if at > stopped_ns]
    assert len(m.events(truth.Gate)) - gated <= 1  # one that was past and not yet judged
    m.run(8)
    edges = {event.n: event.at_ns for event in m.events(truth.Edge)}  # type: ignore[attr-defined]
    travels = [round((g.at_ns - edges[g.n]) / MS) for g in m.events(truth.Gate)]  # type: ignore[attr-defined]
    assert set(travels) == {800, 2800} | ({2805} & set(travels))


def test_the_encoder_counts_half_millimetres() -> None:
    m = machine(parts=0)
    m.run(5)
    first, last = m.levels[3], m.levels[-1]
    assert (last.ticks - first.ticks) / ((last.at_ns - first.at_ns) / SECOND) == pytest.approx(1400, rel=0.01)


def spoil(trouble: Trouble, value: float = 1.0) -> Machine:
    m = machine()
    m.run(1.2)
    m.keep(m.world.trouble(trouble, value))
    m.run(9)
    return m


def exposures(m: Machine) -> list[truth.Exposure]:
    return [event for event in m.events(truth.Exposure) if isinstance(event, truth.Exposure) and event.fault]


def test_frames_missing() -> None:
    m = spoil(Trouble.FRAMES_MISSING, 3)
    assert len(m.shots) == 9
    assert [event.shows for event in exposures(m)] == [0, 0, 0]


def test_frames_late_keep_their_stamp() -> None:
    m = spoil(Trouble.FRAMES_LATE)
    late = exposures(m)[0]
    order = [shot.n for shot in m.shots]
    assert order != sorted(order)
    edges = {event.n: event.at_ns for event in m.events(truth.Edge)}  # type: ignore[attr-defined]
    assert late.at_ns == edges[late.n] + 3 * MS
    assert late.shows == late.n


def test_frames_swapped_are_two_in_exchanged_order() -> None:
    m = spoil(Trouble.FRAMES_SWAPPED)
    order = [shot.n for shot in m.shots]
    swapped = {event.n for event in exposures(m)}
    first = min(swapped)
    assert swapped == {first, first + 1}
    assert order == [*range(1, first), first + 1, first, *range(first + 2, 13)]
    assert all(event.shows == event.n for event in exposures(m))


def test_a_lone_frame_to_be_swapped_comes_out_in_the_end() -> None:
    m = machine(parts=2)
    m.world.trouble(Trouble.FRAMES_MISSING, 1)
    m.world.trouble(Trouble.FRAMES_SWAPPED, 1)
    m.run(7)
    assert [shot.n for shot in m.shots] == [2]
    assert m.world.drained


def test_frames_stale_show_the_part_before() -> None:
    m = spoil(Trouble.FRAMES_STALE, 2)
    first, second = exposures(m)
    assert first.shows == second.shows == first.n - 1
    assert [shot.look for shot in m.shots if shot.n in (first.n, second.n)] == ["stale", "stale"]


def test_frames_black() -> None:
    m = spoil(Trouble.FRAMES_BLACK)
    assert [shot.look for shot in m.shots].count("black") == 1


def test_a_stuck_sensor_announces_nothing_until_it_is_free() -> None:
    m = spoil(Trouble.SENSOR_STUCK, 1.0)
    parts = [event for event in m.events(truth.Part) if isinstance(event, truth.Part)]
    unseen = [part.n for part in parts if not part.announced]
    assert 3 <= len(unseen) <= 6
    assert len(m.rises("sensor")) == 12 - len(unseen)
    assert {n: outcomes(m)[n] for n in unseen} == dict.fromkeys(unseen, "rejected")
    assert any(report.sensor for report in m.levels)
    assert not m.levels[-1].sensor


def test_a_dead_sensor_announces_nothing() -> None:
    m = spoil(Trouble.SENSOR_DEAD, 1.0)
    assert len(m.rises("sensor")) in (7, 8)


def test_a_bouncing_sensor_rises_twice() -> None:
    m = spoil(Trouble.SENSOR_BOUNCE, 2)
    ghosts = [event for event in m.events(truth.Edge) if event.ghost]  # type: ignore[attr-defined]
    assert len(ghosts) == 2
    assert len(m.rises("sensor")) == 14
    assert min(b - a for a, b in itertools.pairwise(m.rises("sensor"))) == 8 * MS


def test_bin_and_confirmation() -> None:
    m = machine(bin_size=3)
    m.judge = lambda n: False
    m.world.trouble(Trouble.CONFIRM_MISSING, 2)
    m.run(8)
    assert len(m.rises("confirm")) == 10
    assert [event.seen for event in m.events(truth.Bin)].count(False) == 2  # type: ignore[attr-defined]
    assert m.levels[-1].bin_full
    m.keep(m.world.clear())
    m.run(0.2)
    assert not m.levels[-1].bin_full


def test_finish_lets_the_last_parts_through() -> None:
    m = machine(parts=0)
    m.run(4)
    m.world.finish()
    assert not m.world.drained
    m.run(3)
    assert m.world.drained
    assert len(outcomes(m)) == m.world.fed == len(m.shots)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Trouble)), st.integers(1, 3), st.floats(0.01, 0.6)), min_size=1, max_size=5
    ),
    st.integers(0, 50),
)
def test_whatever_happens_the_account_is_whole(plan: list[tuple[Trouble, int, float]], seed: int) -> None:
    m = machine(seed=seed, rate_per_min=480, parts=15)
    m.step_ns = 9 * MS
    m.run(1.0)
    for trouble, value, wait_s in plan:
        m.keep(m.world.trouble(trouble, value))
        m.run(wait_s)
    m.run(16)
    assert m.world.drained
    parts = [event for event in m.events(truth.Part) if isinstance(event, truth.Part)]
    assert [part.n for part in parts] == list(range(1, 16))
    assert sorted(outcomes(m)) == list(range(1, 16))
    announced = {part.n for part in parts if part.announced}
    edges = [event for event in m.events(truth.Edge) if isinstance(event, truth.Edge)]
    assert {edge.n for edge in edges if not edge.ghost} == announced
    assert {event.n for event in m.events(truth.Exposure)} == announced  # type: ignore[attr-defined]
    assert len(m.rises("sensor")) == len(edges)


def test_wrong_faults_are_refused() -> None:
    for name, value in (("belt_burns", 1.0), ("frames_late", 0.0), ("belt_stop", -1.0), ("belt_stop", float("nan"))):
        with pytest.raises(UsageError):
            parse(name, value)


def test_a_rate_that_breaks_the_minimum_gap_is_refused() -> None:
    with pytest.raises(UsageError, match="min_gap"):
        machine(rate_per_min=600, min_gap_ms=99.0)
