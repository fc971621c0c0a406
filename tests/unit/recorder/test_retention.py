"""Retention: the order, the budget, and wall clocks that jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SECOND, ManualClock
from edge.domain.part import PartId
from edge.domain.verdict import Verdict
from edge.recorder.imagefile import ImageFolder
from edge.recorder.retention import STEP, WINDOW, AgeAllowance, Retention, candidates, in_order, over_budget, too_old
from edge.settings.station import Recorder
from edge.store.evidence import EvidenceStore, Image

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY_NS = 86_400 * SECOND


def image(number: int, verdict: Verdict = Verdict.NG, size: int = 100, wall: datetime = NOW) -> Image:
    return Image(
        id=number,
        part=PartId(station="s1", epoch=1, n=number),
        row=number,
        view="top",
        kind="frame",
        path=f"{number}.jpg",
        bytes=size,
        width=1,
        height=1,
        verdict=verdict,
        created_wall=wall.isoformat(),
        created_ns=0,
    )


def test_ok_goes_first_and_labelled_last() -> None:
    images = [image(1), image(2, Verdict.OK), image(3, Verdict.OK), image(4)]
    assert [each.id for each in in_order(images, {2})] == [3, 1, 4, 2]


@given(sizes=st.lists(st.integers(0, 1000), max_size=40), excess=st.integers(-10, 20_000))
def test_no_more_goes_than_the_budget_asks(sizes: list[int], excess: int) -> None:
    images = [image(n + 1, size=size) for n, size in enumerate(sizes)]
    chosen = over_budget(images, excess)
    assert chosen == images[: len(chosen)]
    assert sum(each.bytes for each in chosen[:-1]) < max(excess, 1)
    assert len(chosen) == min(STEP, len(images)) or sum(each.bytes for each in chosen) >= excess


def test_a_wall_clock_ahead_by_years_removes_twice_the_natural_turnover_at_most() -> None:
    stored = [image(n) for n in range(1, 1001)]
    allowance, now_ns = AgeAllowance(90, 0), 0
    for _ in range(24 * 60):  # one day of running, a look each minute
        now_ns += 60 * SECOND
        chosen = too_old(stored, NOW + timedelta(days=3650), 90, allowance.whole(now_ns, len(stored)))
        allowance.spend(len(chosen))
        stored = stored[len(chosen) :]
    assert 20 <= 1000 - len(stored) <= 2 * 1000 / 90 + 1


def test_a_wall_clock_behind_removes_nothing() -> None:
    assert too_old([image(1)], NOW - timedelta(days=3650), 90, 16) == []


def test_age_removes_what_is_old_in_steady_operation() -> None:
    allowance = AgeAllowance(10, 0)
    allowed = allowance.whole(DAY_NS, 100)
    old, young = image(1, wall=NOW - timedelta(days=11)), image(2, wall=NOW - timedelta(days=9))
    assert allowed == STEP
    assert too_old([old, young], NOW, 10, allowed) == [old]


def test_a_restart_earns_nothing() -> None:
    assert AgeAllowance(1, 5 * DAY_NS).whole(5 * DAY_NS, 10**6) == 0


def test_ok_samples_go_first_however_many_rejects_are_older(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence.db")
    rejects = [replace(image(n, size=2000), id=0) for n in range(1, 2 * WINDOW)]
    samples = [replace(image(n, Verdict.OK, size=2000), id=0) for n in range(2 * WINDOW, 2 * WINDOW + 5)]
    store.record(position=1, images=[*rejects, *samples])
    chosen = over_budget(in_order(candidates(store), ()), 9_000)
    assert [each.row for each in chosen] == [each.row for each in samples]
    store.close()


def test_it_goes_on_until_the_budget_is_held(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence.db")
    store.record(position=1, images=[replace(image(n, size=1 << 20), id=0) for n in range(1, 101)])
    folder = ImageFolder(tmp_path / "images")
    retention = Retention(Recorder(budget_mb=10, min_free_mb=0), folder, ManualClock())
    steps = 0
    while retention.step(store, (), 1 << 40):
        steps += 1
    assert (steps, store.total_images(), retention.removed) == (6, 10, 90)
    assert [each.row for each in store.oldest(ok=False)] == list(range(91, 101))
    store.close()
