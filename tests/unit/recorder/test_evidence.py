"""The policy: what is kept, what is given up first, and what it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.ledger import StoredPart
from edge.domain.verdict import Verdict
from edge.recorder.evidence import Room, Sampler, image_path, shed
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


@given(verdicts=st.lists(VERDICTS, max_size=200), every=st.integers(0, 10))
def test_every_flagged_part_and_every_nth_ok(verdicts: list[Verdict], every: int) -> None:
    sampler = Sampler(every)
    kept = [verdict for verdict in verdicts if sampler.wants(verdict)]
    oks = verdicts.count(Verdict.OK)
    assert kept.count(Verdict.OK) == (oks // every if every else 0)
    assert len(kept) - kept.count(Verdict.OK) == len(verdicts) - oks


@given(lot=st.text(max_size=80), wall=st.text(max_size=30), view=st.text(max_size=80))
def test_names_stay_inside_the_folder(lot: str, wall: str, view: str) -> None:
    trigger = replace(ledger_values.trigger(1, 2, lot=lot), wall=wall)
    part = StoredPart(row=1, trigger=trigger, record=ledger_values.record(1, 2), gate=None)
    pieces = image_path(part, view).split("/")
    assert len(pieces) == 3
    assert all(piece.strip(".") and piece.isascii() and piece.isprintable() for piece in pieces)
    assert pieces[2].endswith(".jpg")
