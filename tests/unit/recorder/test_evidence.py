"""The policy: what is kept, what is given up first, and what it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.ledger import StoredPart
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.recorder.evidence import Room, image_path, lossless, shed, wanted
from tests.unit.store import ledger_values

MB = 1 << 20
VERDICTS = st.sampled_from(list(Verdict))


@pytest.mark.parametrize(
    ("verdict", "free_mb", "backlog", "why"),
    [
        (Verdict.OK, 1000, 0, None),
        (Verdict.OK, 110, 0, "disk_full"),
        (Verdict.OK, 1000, 12, "backlog"),
        (Verdict.UNSURE, 110, 12, None),
        (Verdict.UNSURE, 99, 0, "disk_full"),
        (Verdict.NOT_INSPECTED, 1000, 40, "backlog"),
        (Verdict.NG, 99, 10_000, None),
        (Verdict.NG, 49, 0, "disk_full"),
    ],
)
def test_what_is_shed(verdict: Verdict, free_mb: int, backlog: int, why: str | None) -> None:
    assert shed(verdict, Room(free_bytes=free_mb * MB, min_free_bytes=100 * MB, backlog=backlog)) == why


@given(free=st.integers(0, 10**10), floor=st.integers(0, 10**9), backlog=st.integers(0, 10**6))
def test_ng_is_given_up_last_and_ok_first(free: int, floor: int, backlog: int) -> None:
    room = Room(free_bytes=free, min_free_bytes=floor, backlog=backlog)
    kept = {verdict: shed(verdict, room) is None for verdict in Verdict}
    assert kept[Verdict.OK] <= kept[Verdict.UNSURE] == kept[Verdict.NOT_INSPECTED] <= kept[Verdict.NG]


@given(verdict=VERDICTS, row=st.integers(1, 2**60), every=st.integers(0, 10**6))
def test_every_flagged_part_is_wanted_and_no_ok_part_when_none_are(verdict: Verdict, row: int, every: int) -> None:
    assert wanted(verdict, row, every) or verdict is Verdict.OK
    assert wanted(Verdict.OK, row, 1)
    assert not wanted(Verdict.OK, row, 0)


@given(every=st.integers(1, 50), block=st.integers(0, 10**9))
def test_of_each_n_ok_parts_in_a_row_one_is_the_sample(every: int, block: int) -> None:
    rows = range(block * every + 1, (block + 1) * every + 1)
    assert sum(wanted(Verdict.OK, row, every) for row in rows) == 1


@pytest.mark.parametrize("moulds", [2, 5, 20])
def test_no_rhythm_in_the_product_hides_from_the_sample(moulds: int) -> None:
    sampled = [row for row in range(1, 20_001) if wanted(Verdict.OK, row, 20)]
    by_mould = [sum(row % moulds == mould for row in sampled) for mould in range(moulds)]
    assert min(by_mould) > 0.5 * len(sampled) / moulds


@given(lot=st.text(max_size=80), wall=st.text(max_size=30), view=st.text(max_size=80))
def test_names_stay_inside_the_folder(lot: str, wall: str, view: str) -> None:
    trigger = replace(ledger_values.trigger(1, 2, lot=lot), wall=wall)
    part = StoredPart(row=1, trigger=trigger, record=ledger_values.record(1, 2), gate=None)
    pieces = image_path(part, view).split("/")
    assert len(pieces) == 3
    assert all(piece.strip(".") and piece.isascii() and piece.isprintable() for piece in pieces)
    assert pieces[2].endswith(".jpg")


@pytest.mark.parametrize(
    ("verdict", "purpose", "always", "chosen"),
    [
        (Verdict.OK, Purpose.PRODUCTION, False, True),
        (Verdict.NG, Purpose.PRODUCTION, False, False),
        (Verdict.NOT_INSPECTED, Purpose.SETUP, True, True),
        (Verdict.NOT_INSPECTED, Purpose.PRODUCTION, False, False),
    ],
)
def test_what_is_taught_with_is_kept_without_loss(
    verdict: Verdict, purpose: Purpose, always: bool, chosen: bool
) -> None:
    trigger = ledger_values.trigger(1, 2, purpose=purpose)
    part = StoredPart(row=1, trigger=trigger, record=ledger_values.record(1, 2, verdict), gate=None)
    assert [lossless(part, ok_lossless) for ok_lossless in (False, True)] == [always, chosen]
    assert image_path(part, "top", lossless=True).endswith("-top.png")
    assert image_path(part, "top").endswith("-top.jpg")
