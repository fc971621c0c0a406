"""The light barrier when the belt is full at the start, parts touch, the light drifts and a hand reaches in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from edge.capture.barrier import LightBarrier
from edge.capture.barrier_strip import Segment
from edge.capture.barrier_tracks import Track, regroup
from tests.unit.capture.belts import LINE, PLAIN, SPAN, WIDTH, Hand, Part, empty_then, run, steady

HOLD = 60  # frames


def offsets_of(belt: list[float], part: Part, until: int) -> np.ndarray:
    return np.abs(np.array(belt[: until + 1]) - part.start - LINE)


@pytest.mark.parametrize("speed", [6.0, 9.0, 13.5])
def test_a_belt_that_is_full_and_runs_while_it_is_taught(speed: float) -> None:
    """Four of five places are under a part most of the time: the plain median over time would be of parts."""
    parts = [Part(70.0 * k - 250, 56, baked=True) for k in range(10)]
    belt = steady(speed, 70 * 10 + 250, -60)
    expected = [part for part in parts if belt[0] - part.start < LINE]
    out = run(parts, belt)
    assert len(out) == len(expected)
    for (reported, crossing), part in zip(out, expected, strict=True):
        offsets = offsets_of(belt, part, reported)
        assert offsets[crossing.seq - 1] <= offsets.min() + 2.0


def test_a_belt_that_stands_full_is_not_taken_for_an_empty_one() -> None:
    """The morning's start. It counts nothing, and says so, until parts run and can be told from the belt."""
    parts = [Part(75.0 * k, 56, baked=True) for k in range(12)]
    belt = [280.0] * 45
    barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
    assert run(parts, belt, barrier=barrier) == []
    assert not barrier.health.taught
    assert barrier.health.refused == 3
    empty = LightBarrier(PLAIN, (WIDTH, SPAN))
    out = run(parts[6:], [*([280.0] * 45), *steady(9.0, 1400, 280.0)], barrier=empty)
    assert empty.health.refused == 0
    assert len(out) == 6


def test_an_empty_belt_in_uneven_light_or_with_rivets_is_empty() -> None:
    uneven = np.tile(np.linspace(60, 130, SPAN, dtype=np.float32)[None, :, None], (WIDTH, 1, 3)).astype(np.uint8)
    riveted = np.full((WIDTH, SPAN, 3), 90, np.uint8)
    riveted[:, 50:54] = riveted[:, 350:354] = 20
    for image in (uneven, riveted):
        barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
        for k in range(20):
            barrier.feed(image, seq=k, exposed_at_ns=k + 1)
        assert barrier.health.taught
        assert barrier.health.refused == 0


def test_who_has_fixed_things_in_the_region_can_say_so() -> None:
    how = replace(PLAIN, must_be_empty=False)
    barrier = LightBarrier(how, (WIDTH, SPAN))
    run([Part(0.0)], [float(LINE)] * 30, how, barrier=barrier)
    assert barrier.health.taught


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_touching_parts_that_stop_and_shake(gap: int) -> None:
    """One long stretch for the eye: with the length of a part it is cut where the parts meet."""
    rng = np.random.default_rng(gap)
    parts = [Part((50.0 + gap) * k) for k in range(6)]
    halt = LINE + 100.0
    shaken = list(halt + rng.uniform(-3, 3, HOLD))
    belt = empty_then([*steady(9, halt, -30), *shaken, *[halt] * HOLD, *steady(7, 800, halt)])
    out = run(parts, belt, replace(PLAIN, part_length_px=50.0))
    assert len(out) == len(parts)
    for (reported, crossing), part in zip(out, parts, strict=True):
        offsets = offsets_of(belt, part, reported)
        assert offsets[crossing.seq - 1] <= offsets.min() + 5.0


def test_a_part_on_the_line_while_the_light_fades_slowly_and_comes_back() -> None:
    parts = [Part(80.0 * k) for k in range(4)]
    halt = LINE + 80.0
    belt = empty_then([*steady(8, halt, -30), *[halt] * 300, *steady(8, 700, halt)])
    lights = list(1.0 - 0.3 * np.sin(np.linspace(0.0, np.pi, len(belt))))
    assert len(run(parts, belt, lights=lights)) == 4


def reaching(at: int, deep: int, first: int, frames: int) -> Iterator[tuple[int, Hand]]:
    """In within 5 frames, out within 5."""
    for k in range(frames):
        share = min(1.0, (k + 1) / 5, (frames - k) / 5)
        yield first + k, Hand(at=at, wide=35, deep=max(1, round(deep * share)))


@pytest.mark.parametrize("at", [40, 130, 185, 240, 330])
@pytest.mark.parametrize("deep", [20, 45, 75])
def test_a_hand_that_reaches_in_hides_no_part(at: int, deep: int) -> None:
    """It may be counted as one more: what nobody judged is rejected. It must not make a part disappear."""
    parts = [Part(95.0 * k, 60) for k in range(6)]
    belt = empty_then(steady(8, 95 * 6 + 420, -30))
    out = run(parts, belt, hands=dict(reaching(at, deep, first=55, frames=25)))
    assert len(parts) <= len(out) <= len(parts) + 1


def test_a_hand_over_an_empty_belt_is_no_part() -> None:
    """It comes over the side and goes that way: nothing passes the line."""
    assert run([], [-1e6] * 90, hands=dict(reaching(185, 75, first=30, frames=40))) == []


def test_a_hand_that_lets_go_leaves_one_part_and_no_slivers() -> None:
    """Seen as one long stretch, cut in two by the length; what is left when the hand has gone is one part."""
    whole = Segment(trail=112.0, lead=311.0, cut_up=False, cut_down=False)
    hand = Segment(trail=0.0, lead=176.0, cut_up=True, cut_down=False)
    part = Segment(trail=176.0, lead=311.0, cut_up=False, cut_down=False)
    counts = np.full(400, 20, np.int32)
    now = regroup([whole], [known(hand), known(part)], counts, px=1, length=205.0, least=60.0, t_ns=1)
    assert now == [whole]


def known(segment: Segment) -> Track:
    return Track(
        segment=segment, t_ns=0, velocity=0.0, length=205.0, entered=True, born=segment, still_from=segment, since_ns=0
    )


def test_health_says_what_is_in_view_and_that_it_was_taught() -> None:
    barrier = LightBarrier(PLAIN, (WIDTH, SPAN))
    assert not barrier.health.taught
    run([Part(0.0)], empty_then([LINE - 20.0] * 3), barrier=barrier)
    assert barrier.health.taught
    assert barrier.health.in_view == 1
