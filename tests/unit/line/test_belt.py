"""Where the belt is, from its inputs: by running time and by encoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import MS, SECOND
from edge.domain.part import PartId
from edge.line.belt import EncoderBelt, TimeBelt
from edge.line.gate import GatePlan, GateSettings, Window
from edge.line.ports import Input, InputEvent

START = 10 * SECOND


def belt_input(at_ms: float, running: bool, *, edge: bool = True) -> InputEvent:
    return InputEvent(input=Input.BELT, value=int(running), at_ns=START + round(at_ms * MS), edge=edge)


def count(at_ms: float, ticks: int) -> InputEvent:
    return InputEvent(input=Input.ENCODER, value=ticks, at_ns=START + round(at_ms * MS), edge=False)


def at(ms: float) -> int:
    return START + round(ms * MS)


# --- running time ------------------------------------------------------------------------------------------------


def running_belt() -> TimeBelt:
    belt = TimeBelt(has_input=True, now_ns=START)
    assert not belt.take(belt_input(0, True, edge=False))
    return belt


def test_nothing_is_known_before_the_first_input() -> None:
    belt = TimeBelt(has_input=True, now_ns=START)
    assert (belt.known, belt.ready, belt.running) == (False, False, False)
    assert belt.when(5) is None
    assert not belt.take(InputEvent(input=Input.SENSOR, value=1, at_ns=START))
    assert not belt.known


def test_a_stop_freezes_the_position_and_everything_behind_it() -> None:
    belt = running_belt()
    assert belt.when(100 * MS) == at(100)
    belt.take(belt_input(40, False))
    assert belt.position(at(70)) == 40 * MS
    assert (belt.when(40 * MS), belt.when(100 * MS)) == (at(40), None)
    belt.take(belt_input(90, True))
    assert belt.position(at(100)) == 50 * MS
    assert belt.when(100 * MS) == at(150)
    # What was, is still known: sensor edges may be heard late.
    assert [belt.position(at(ms)) // MS for ms in (0, 20, 40, 60, 90, 91)] == [0, 20, 40, 40, 40, 41]


def test_a_level_that_agrees_says_nothing_and_one_that_differs_means_a_lost_edge() -> None:
    belt = running_belt()
    assert not belt.take(belt_input(10, True, edge=False))
    assert belt.take(belt_input(20, False, edge=False))
    assert not belt.running
    assert not belt.take(belt_input(30, True))


def test_a_lost_belt_stands_until_it_is_heard_again() -> None:
    belt = running_belt()
    belt.lose(at(50))
    belt.lose(at(60))
    assert (belt.known, belt.position(at(90)), belt.when(60 * MS)) == (False, 50 * MS, None)
    assert not belt.take(belt_input(100, True, edge=False))  # the first word after the loss is no slip
    assert belt.position(at(110)) == 60 * MS


def test_without_an_input_it_runs_while_anything_is_heard() -> None:
    belt = TimeBelt(has_input=False, now_ns=START)
    assert not belt.take(InputEvent(input=Input.SENSOR, value=1, at_ns=at(5)))
    assert belt.position(at(25)) == 20 * MS
    belt.lose(at(30))
    assert belt.position(at(60)) == 25 * MS


def test_units_are_ns_of_running_time() -> None:
    belt = running_belt()
    assert (belt.travel(800.0), belt.span(50 * MS)) == (800 * MS, 50 * MS)


@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=60), st.integers(0, 400))
def test_position_only_grows_and_two_belts_told_the_same_agree(steps: list[tuple[int, bool]], ahead_ms: int) -> None:
    one, two = running_belt(), running_belt()
    now_ms, before = 0, 0
    for pause_ms, running in steps:
        now_ms += pause_ms
        for belt in (one, two):
            belt.take(belt_input(now_ms, running))
        here = one.position(at(now_ms))
        assert before <= here <= before + pause_ms * MS
        before = here
    assert one.position(at(now_ms)) == two.position(at(now_ms))
    when_ns = one.when(before + ahead_ms * MS)
    if when_ns is not None:
        assert one.position(when_ns) == before + ahead_ms * MS
    else:
        assert not one.running


# --- encoder -----------------------------------------------------------------------------------------------------


def moving(until_ms: int = 400, ticks_per_ms: int = 2) -> EncoderBelt:
    belt = EncoderBelt()
    for ms in range(0, until_ms + 1, 100):
        assert not belt.take(count(ms, 1000 + ms * ticks_per_ms))
    return belt


def test_one_count_is_not_enough_to_schedule_by() -> None:
    belt = EncoderBelt()
    belt.take(count(0, 5))
    assert (belt.known, belt.ready, belt.running) == (True, False, False)
    assert belt.when(9_000_000) is None
    belt.take(count(100, 205))
    assert (belt.ready, belt.running) == (True, True)


def test_positions_between_counts_are_interpolated_and_beyond_the_last_extrapolated() -> None:
    belt = moving()
    assert belt.position(at(150)) == 1_300_000
    assert belt.position(at(450)) == 1_900_000
    assert belt.when(1_900_000) == at(450)
    assert belt.span(50 * MS) == 100_000
    assert belt.travel(300.0) == 300_000


def test_without_counts_the_belt_is_taken_as_standing() -> None:
    belt = moving()
    assert belt.position(at(5000)) == belt.position(at(550)) == 2_100_000
    assert belt.when(belt.position(at(400))) == at(400)


def test_a_belt_that_stands_has_no_time_for_what_lies_ahead() -> None:
    belt = moving()
    belt.take(count(500, 1800))
    assert not belt.running
    assert belt.when(1_900_000) is None
    assert belt.position(at(600)) == 1_800_000
    assert belt.ready  # how fast it runs when it runs is still known


def test_the_belt_input_ends_the_extrapolation_where_the_belt_stopped() -> None:
    belt = moving()
    belt.take(belt_input(410, False))
    assert belt.position(at(500)) == 1_820_000
    assert belt.when(1_900_000) is None
    belt.take(belt_input(600, True))
    assert belt.position(at(600)) == 1_820_000  # and goes on from there, not from the last count
    assert belt.position(at(610)) == 1_840_000
    assert belt.when(1_840_000) == at(610)


def test_a_count_while_it_stands_is_where_it_goes_on_from() -> None:
    belt = moving()
    belt.take(belt_input(410, False))
    belt.take(count(500, 1822))
    belt.take(belt_input(600, True))
    assert belt.position(at(600)) == 1_822_000
    assert belt.position(at(610)) == 1_842_000


@pytest.mark.parametrize("back_to", [0, 1799])
def test_a_count_that_goes_back_is_a_slip_and_starts_anew(back_to: int) -> None:
    belt = moving()
    assert belt.take(count(500, back_to))
    assert not belt.ready
    belt.take(count(600, back_to + 200))
    assert belt.ready
    assert belt.position(at(600)) == (back_to + 200) * 1000


def test_a_lost_encoder_is_learned_anew() -> None:
    belt = moving()
    belt.lose(at(450))
    assert (belt.known, belt.ready) == (False, False)
    assert not belt.take(count(500, 90_000))
    assert (belt.known, belt.ready) == (True, False)
    belt.take(count(600, 90_200))
    assert belt.position(at(600)) == 90_200_000


def test_an_old_or_doubled_count_changes_nothing() -> None:
    belt = moving()
    assert not belt.take(count(400, 1800))
    assert not belt.take(count(390, 1800))
    assert belt.position(at(450)) == 1_900_000


@pytest.mark.parametrize("lost", [False, True])
def test_counts_that_stay_away_do_not_make_the_gates_thread_spin(lost: bool) -> None:
    """A due time in the past is no sleep at all, and that thread stands above everything else on its processor."""
    settings = GateSettings(
        kind="pass_pulse", lead_ns=MS, max_travel_ns=1000 * MS, time_gap_ns=50 * MS, safe_ns=100 * MS, confirm=False,
        confirm_within_ns=1000 * MS,
    )  # fmt: skip
    plan = GatePlan(settings, EncoderBelt())
    for n in range(5):
        plan.take(count(100 * n, 100 * n), at(100 * n))
    part = PartId(station="s", epoch=1, n=1)
    plan.add(part, Window(start=600_000, centre=640_000, end=680_000), at(401))
    if lost:
        plan.lose_belt(at(900), at(900))
    for ms in (401, 600, 800, 2000, 9000):
        due_ns = plan.next_due(at(ms))
        assert due_ns is None or due_ns - at(ms) >= MS
