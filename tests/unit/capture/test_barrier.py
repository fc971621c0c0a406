"""The light barrier on drawn belts whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edge.capture.barrier import LightBarrier
from edge.domain.barrier import BarrierSettings, Crossing
from edge.errors import EdgeError, SettingsError, SourceError
from tests.unit.capture.belts import (
    FRAME_NS,
    LINE,
    PLAIN,
    SPAN,
    WIDTH,
    Part,
    empty_then,
    picture,
    run,
    steady,
)


def check(out: list[tuple[int, Crossing]], parts: Sequence[Part], belt: Sequence[float]) -> None:
    """Each part once, in order, in its most centred frame up to then, reported without delay."""
    assert [c.n for _, c in out] == list(range(1, len(parts) + 1))
    for (reported, crossing), part in zip(out, parts, strict=True):
        offsets = np.array(belt) - part.start - LINE
        first = int(np.argmax(offsets >= 0))
        assert first - 1 <= reported <= first + 1
        nearest = np.abs(offsets[: first + 2]).min()
        chosen = crossing.seq - 1
        around = np.abs(offsets[max(0, chosen - 1) : chosen + 2]).min()
        assert around <= nearest + 1.0, (crossing, nearest)
        assert abs(crossing.offset_px - offsets[chosen]) <= 2.0
        assert crossing.seq_exposed_at_ns == crossing.seq * FRAME_NS
        assert crossing.length_px == pytest.approx(part.length, abs=3)
        true_ns = _true_crossing_ns(offsets, first)
        assert abs(crossing.crossed_at_ns - true_ns) <= crossing.error_ns + FRAME_NS // 4


def _true_crossing_ns(offsets: np.ndarray, first: int) -> float:
    share = -offsets[first - 1] / (offsets[first] - offsets[first - 1])
    return float((first + share) * FRAME_NS)


def test_a_steady_belt_counts_each_part_once_in_its_centred_frame() -> None:
    parts = [Part(90.0 * k) for k in range(8)]
    belt = empty_then(steady(11.0, 90 * 8 + 500, -30))
    check(run(parts, belt), parts, belt)


def test_parts_3_px_apart_are_two() -> None:
    parts = [Part(53.0 * k) for k in range(10)]
    belt = empty_then(steady(9.0, 53 * 10 + 500, -30))
    check(run(parts, belt), parts, belt)


def test_touching_parts_are_split_by_their_length() -> None:
    parts = [Part(50.0 * k) for k in range(5)]
    belt = empty_then(steady(9.0, 800, -30))
    out = run(parts, belt, replace(PLAIN, part_length_px=50.0))
    assert len(out) == 5
    for (_, crossing), part in zip(out, parts, strict=True):
        assert abs(belt[crossing.seq - 1] - part.start - LINE) <= 8


def test_a_learned_length_splits_the_pair_that_touches() -> None:
    parts = [Part(100.0 * k) for k in range(8)] + [Part(850.0), Part(900.0)]
    belt = empty_then(steady(9.0, 1400, -30))
    assert len(run(parts, belt, replace(PLAIN, learn_part_length=True))) == 10


@pytest.mark.parametrize("rest", [-1.0, 0.0, 1.0, 4.0])
def test_a_part_that_stands_on_the_line_is_one_part(rest: float) -> None:
    parts = [Part(0.0), Part(70.0), Part(140.0)]
    halt = LINE + 70 + rest
    stops = [*steady(10, halt, -30), *[halt] * 200, *steady(10, 700, halt)]
    belt = empty_then(stops)
    out = run(parts, belt)
    assert len(out) == 3
    standing = out[1][1]
    assert abs(belt[standing.seq - 1] - 70 - LINE) <= 6
    assert len({c.seq for _, c in out}) == 3


def test_a_part_that_stops_while_coming_in_is_not_taken_for_background() -> None:
    """It shows 20 px, stands for five seconds, and shakes by 2 px: nothing passes it, so it is a part."""
    rng = np.random.default_rng(5)
    halt = list(-5 + rng.uniform(-2, 2, 150))
    parts = [Part(0.0), Part(56.0)]
    belt = empty_then([*steady(1.7, -5, -40), *halt, *steady(6, 500, -5)])
    assert len(run(parts, belt)) == 2


def test_jitter_of_5_px_on_the_line_never_counts_twice() -> None:
    rng = np.random.default_rng(3)
    halt = LINE + 70.0
    shaken = list(halt + rng.uniform(-5, 5, 150))
    parts = [Part(0.0), Part(70.0), Part(124.0)]
    belt = empty_then([*steady(10, halt, -30), *shaken, *steady(10, 700, halt)])
    assert len(run(parts, belt)) == 3


@pytest.mark.parametrize("back_to", [250.0, 150.0, 20.0])
def test_a_belt_that_runs_back_and_forth_again_counts_once(back_to: float) -> None:
    """At 20 all three have left the view upstream before the belt runs forward again."""
    parts = [Part(0.0), Part(80.0), Part(160.0)]
    there = steady(8, 300, -30)
    belt = empty_then([*there, *steady(-8, back_to - 60, 300), *steady(8, 800, back_to - 60)])
    assert len(run(parts, belt)) == 3


def test_where_people_put_parts_down_a_returning_part_is_new() -> None:
    back = [*steady(8, 300, -30), *steady(-8, -60, 300), *steady(8, 500, -60)]
    how = replace(PLAIN, return_window_ms=0.0)
    assert len(run([Part(0.0)], empty_then(back), how)) == 2


def test_light_that_drifts_and_steps_counts_nothing_and_hides_nothing() -> None:
    parts = [Part(90.0 * k) for k in range(6)]
    belt = empty_then(steady(6.0, 1000, -30))
    drift = list(np.linspace(1.0, 0.6, len(belt)))
    drift[60:] = [v * 1.15 for v in drift[60:]]
    assert len(run(parts, belt, lights=drift)) == 6
    assert run([], belt, lights=drift) == []


def test_an_empty_noisy_belt_counts_nothing() -> None:
    assert run([], [0.0] * 150, replace(PLAIN, min_length_px=1.0, min_width_px=1.0)) == []


@pytest.mark.parametrize("gap", [2, 5, 8])
def test_lost_frames_lose_no_part(gap: int) -> None:
    parts = [Part(110.0 * k) for k in range(8)]
    belt = empty_then(steady(10.0, 1400, -30))
    lost = [k for k in range(40, len(belt)) if k % 17 < gap]
    out = run(parts, belt, lost=lost)
    assert [c.n for _, c in out] == list(range(1, 9))
    for (_, crossing), part in zip(out, parts, strict=True):
        assert crossing.seq - 1 not in lost
        true_ns = _true_crossing_ns(np.array(belt) - part.start - LINE, _first(belt, part))
        assert abs(crossing.crossed_at_ns - true_ns) <= crossing.error_ns


def _first(belt: Sequence[float], part: Part) -> int:
    return int(np.argmax(np.array(belt) - part.start - LINE >= 0))


def test_a_gap_so_long_that_parts_first_show_beyond_the_line() -> None:
    parts = [Part(150.0 * k) for k in range(6)]
    belt = empty_then(steady(10.0, 1300, -30))
    entering_4th = _first(belt, parts[3]) - 24
    assert len(run(parts, belt, lost=range(entering_4th, entering_4th + 29))) == 6


def test_a_belt_so_fast_that_a_part_is_seen_in_few_frames() -> None:
    parts = [Part(300.0 * k) for k in range(6)]
    belt = empty_then(steady(120.0, 2600, -140))
    assert len(run(parts, belt)) == 6


def test_two_sizes_are_counted_with_their_lengths() -> None:
    parts = [Part(0.0, 30), Part(80.0, 90), Part(150.0, 30), Part(230.0, 90), Part(300.0, 30)]
    belt = empty_then(steady(7.0, 800, -50))
    check(run(parts, belt), parts, belt)


def test_lengths_that_are_not_allowed_are_left_out_and_said() -> None:
    parts = [Part(0.0, 30), Part(80.0, 60), Part(180.0, 100)]
    how = replace(PLAIN, min_length_px=45.0, max_length_px=80.0)
    barrier = LightBarrier(how, (WIDTH, SPAN))
    out = run(parts, empty_then(steady(7.0, 700, -60)), how, barrier=barrier)
    assert [round(c.length_px / 10) for _, c in out] == [6]
    assert barrier.health.too_long == 1


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("direction", ["+", "-"])
def test_every_axis_and_direction(axis: str, direction: str) -> None:
    how = BarrierSettings(axis=axis, direction=direction)  # type: ignore[arg-type]
    parts = [Part(80.0 * k) for k in range(4)]
    belt = empty_then(steady(9.0, 800, -30))
    check(run(parts, belt, how), parts, belt)


def test_parts_that_move_the_wrong_way_are_not_counted() -> None:
    belt = empty_then(steady(-9.0, -50, 500))
    assert run([Part(0.0)], belt) == []


@pytest.mark.parametrize(("polarity", "count"), [("any", 2), ("brighter", 1), ("darker", 1)])
def test_polarity(polarity: str, count: int) -> None:
    how = replace(PLAIN, polarity=polarity)  # type: ignore[arg-type]
    parts = [Part(0.0, grey=190), Part(90.0, grey=20)]
    assert len(run(parts, empty_then(steady(9.0, 700, -30)), how)) == count


def test_grey_frames_and_a_given_background() -> None:
    how = BarrierSettings(background="level", background_bgr=(82, 82, 82))
    barrier = LightBarrier(how, (WIDTH, SPAN))
    rng = np.random.default_rng(1)
    out = []
    for k, at in enumerate(steady(9.0, 600, -30)):
        grey = np.ascontiguousarray(picture([Part(0.0)], at, rng)[..., 0])
        out += barrier.feed(grey, seq=k, exposed_at_ns=(k + 1) * FRAME_NS)
    assert len(out) == 1


def test_parts_that_pass_while_the_background_is_taught_are_counted_when_it_is() -> None:
    belt = steady(30.0, 1000, -30)
    out = run([Part(0.0), Part(400.0)], belt)
    assert [k for k, _ in out] == [14, _first(belt, Part(400.0))]
    assert belt[out[0][1].seq - 1] == pytest.approx(LINE, abs=15)


def test_a_part_that_was_taught_as_background_does_not_spoil_the_next_ones() -> None:
    """It stood at the line while teaching, then left: what remains is a ghost, found and absorbed."""
    first, later = [Part(0.0)], [Part(900.0 + 90 * k) for k in range(4)]
    belt = [LINE + 5.0] * 20 + steady(9.0, 1600, LINE + 5.0)
    out = run([*first, *later], belt, replace(PLAIN, must_be_empty=False))
    assert [_first(belt, p) for p in later] == [k for k, _ in out][-4:]
    assert len(out) <= 5


def test_reset_forgets_everything() -> None:
    barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
    belt = empty_then(steady(9.0, 700, -30))
    first = run([Part(0.0), Part(90.0)], belt, barrier=barrier)
    barrier.reset()
    again = run([Part(0.0), Part(90.0)], belt, barrier=barrier)
    assert again == first
    assert len(first) == 2


def test_a_frame_that_is_not_newer_is_refused_and_said() -> None:
    barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
    barrier.teach(np.full((WIDTH, SPAN, 3), 80, np.uint8))
    barrier.feed(np.full((WIDTH, SPAN, 3), 80, np.uint8), seq=1, exposed_at_ns=5)
    assert barrier.feed(np.full((WIDTH, SPAN, 3), 80, np.uint8), seq=1, exposed_at_ns=5) == []
    assert barrier.health.stale_frames == 1


def test_a_frame_of_another_size_is_an_error_with_a_hint() -> None:
    barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
    with pytest.raises(SourceError) as caught:
        barrier.feed(np.zeros((WIDTH, SPAN + 1, 3), np.uint8), seq=1, exposed_at_ns=1)
    assert caught.value.hint


@pytest.mark.parametrize(
    "bad",
    [
        {"line": 1.0},
        {"along": (0.6, 0.4)},
        {"across": (0.0, 1.2)},
        {"along": (0.6, 1.0)},
        {"min_length_px": 0.0},
        {"max_length_px": 3.0},
        {"teach_frames": 0},
        {"threshold": 255},
        {"axis": "z"},
        {"background": "level"},
        {"background_bgr": (1, 2, 3)},
        {"learn_part_length": True, "part_length_px": 50.0},
        {"coast_ms": -1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        BarrierSettings(**bad)  # type: ignore[arg-type]


def test_a_region_too_small_for_the_frame_is_refused() -> None:
    with pytest.raises(EdgeError):
        LightBarrier(replace(PLAIN, along=(0.49, 0.51)), (WIDTH, SPAN))


phases = st.one_of(
    st.tuples(st.just("run"), st.floats(3, 14), st.integers(5, 40)),
    st.tuples(st.just("stop"), st.just(0.0), st.integers(1, 40)),
    st.tuples(st.just("jitter"), st.floats(1, 5), st.integers(2, 20)),
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking a belt of hundreds of frames takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(
    gaps=st.lists(st.integers(3, 150), min_size=1, max_size=6),
    lengths=st.lists(st.integers(30, 90), min_size=7, max_size=7),
    moves=st.lists(phases, min_size=1, max_size=6),
    seed=st.integers(0, 2**16),
)
def test_any_spacing_speed_jitter_and_stops(
    gaps: list[int], lengths: list[int], moves: list[tuple[str, float, int]], seed: int
) -> None:
    parts = [Part(0.0, lengths[0])]
    for gap, length in zip(gaps, lengths[1:], strict=False):
        parts.append(Part(parts[-1].start + parts[-1].length / 2 + gap + length / 2, length))
    belt = _wander(moves, parts[-1].start + SPAN + 60, np.random.default_rng(seed))
    out = run(parts, belt)
    assert len(out) == len(parts)
    for (reported, crossing), part in zip(out, parts, strict=True):
        offsets = np.abs(np.array(belt) - part.start - LINE)
        around = offsets[max(0, crossing.seq - 2) : crossing.seq + 1].min()
        assert around <= offsets[: reported + 1].min() + 1.0


def _wander(moves: list[tuple[str, float, int]], to: float, rng: np.random.Generator) -> list[float]:
    belt, at, k = [-1e6] * 20, -50.0, 0
    while at < to:
        kind, amount, frames = moves[k % len(moves)] if k < 24 else ("run", 9.0, 40)
        k += 1
        for _ in range(frames):
            at += amount if kind == "run" else 0.0
            belt.append(at + (rng.uniform(-amount, amount) if kind == "jitter" else 0.0))
    return belt
