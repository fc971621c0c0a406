"""Histograms of durations: how far off they may be, and what they say of nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.line.jitter import Jitter

DURATIONS = st.lists(st.integers(1, 10**12), min_size=1, max_size=200)


@given(durations=DURATIONS, share=st.floats(0.01, 1.0))
def test_a_quantile_is_never_too_small_and_at_most_an_eighth_too_large(durations: list[int], share: float) -> None:
    jitter = Jitter()
    for duration in durations:
        jitter.add(duration)
    rank = next(place for place in range(1, len(durations) + 1) if place >= jitter.total * share)
    true_ns = sorted(durations)[rank - 1]
    assert true_ns <= jitter.quantile_ns(share) <= true_ns * 9 / 8 + 1
    assert (jitter.total, jitter.max_ns, jitter.quantile_ns(1.0)) == (len(durations), max(durations), max(durations))


def test_nothing_and_less_than_nothing() -> None:
    jitter = Jitter()
    assert jitter.quantile_ns(0.5) == 0
    jitter.add(0)
    jitter.add(-5)
    assert (jitter.total, jitter.quantile_ns(1.0), jitter.max_ns) == (2, 1, 1)


def test_what_is_longer_than_any_bucket_is_still_the_longest() -> None:
    jitter = Jitter()
    jitter.add(10**18)
    assert jitter.quantile_ns(0.999) > 10**11
    assert jitter.max_ns == 10**18
