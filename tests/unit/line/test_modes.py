"""Mode, latch, lot, purpose: what people may ask, what a restart remembers, how a bypass ends."""

from __future__ import annotations

import pytest

from edge.clock import SECOND
from edge.domain.part import Mode, Purpose
from edge.errors import Refused
from edge.line.modes import MAX_BYPASS_MIN, Change, Modes


def run(modes: Modes, mode: Mode = Mode.RUN, *, reason: str = "", minutes: float = 0.0, recipe: bool = True,
        now_ns: int = SECOND) -> Change | None:  # fmt: skip
    return modes.set_mode(mode, by="lan", reason=reason, minutes=minutes, has_recipe=recipe, now_ns=now_ns)


def test_a_new_line_is_stopped_and_runs_only_with_a_recipe() -> None:
    modes = Modes(None)
    assert modes.mode is Mode.STOPPED
    with pytest.raises(Refused, match="no recipe"):
        run(modes, recipe=False)
    change = run(modes)
    assert change == Change(kind="mode", by="lan", detail="RUN")
    assert run(modes) is None


@pytest.mark.parametrize("mode", [Mode.STOPPED, Mode.SETUP])
def test_leaving_run_halts_what_is_in_flight(mode: Mode) -> None:
    modes = Modes(None)
    run(modes)
    change = run(modes, mode, reason="cleaning")
    assert change is not None
    assert change.halts
    assert "cleaning" in change.detail


@pytest.mark.parametrize(
    ("reason", "minutes"), [("", 5.0), ("   ", 5.0), ("why", 0.0), ("why", MAX_BYPASS_MIN + 1), ("why", float("nan"))]
)
def test_a_bypass_without_reason_or_end_is_refused(reason: str, minutes: float) -> None:
    modes = Modes(None)
    with pytest.raises(Refused, match="bypass"):
        run(modes, Mode.BYPASS, reason=reason, minutes=minutes)
    assert modes.mode is Mode.STOPPED


def test_a_bypass_holds_the_lot_and_ends_by_itself_in_inspecting() -> None:
    modes = Modes(None)
    modes.set_lot("L1", by="lan")
    change = run(modes, Mode.BYPASS, reason="camera broken", minutes=30, now_ns=0)
    assert change is not None
    assert not change.halts
    assert modes.lot_on_hold
    assert modes.tick(30 * 60 * SECOND - 1, has_recipe=True) is None
    ended = modes.tick(30 * 60 * SECOND, has_recipe=True)
    assert ended is not None
    assert modes.mode is Mode.RUN
    assert modes.lot_on_hold  # what passed, passed: people release the lot
    modes.set_lot("L2", by="lan")
    assert not modes.lot_on_hold


def test_a_bypass_without_recipe_is_refused_for_want_of_the_gate_travel() -> None:
    with pytest.raises(Refused, match="no recipe"):
        run(Modes(None), Mode.BYPASS, reason="why", minutes=1, recipe=False)


def test_a_lot_begun_in_a_bypass_is_on_hold_too() -> None:
    modes = Modes(None)
    run(modes, Mode.BYPASS, reason="why", minutes=1)
    modes.set_lot("L2", by="lan")
    assert modes.lot_on_hold


def test_latched_means_a_person_resets_before_anything_passes() -> None:
    modes = Modes(None)
    run(modes)
    change = modes.stop(by="line", reason="jam", latch=True)
    assert (change.kind, change.halts) == ("latched", True)
    for mode in (Mode.RUN, Mode.BYPASS):
        with pytest.raises(Refused, match="reset"):
            run(modes, mode, reason="why", minutes=1)
    with pytest.raises(Refused, match="reason"):
        modes.reset(by="lan", reason="")
    modes.reset(by="lan", reason="cleared the chute")
    assert modes.mode is Mode.STOPPED
    with pytest.raises(Refused):
        modes.reset(by="lan", reason="again")
    assert run(modes) is not None


def test_a_restart_remembers_all_but_a_bypass() -> None:
    modes = Modes(None)
    modes.set_lot("L1", by="lan")
    modes.set_purpose(Purpose.CHALLENGE, by="lan")
    run(modes)
    again = Modes(modes.memory("{}"))
    assert (again.mode, again.lot, again.purpose, again.latched) == (Mode.RUN, "L1", Purpose.CHALLENGE, False)
    run(modes, Mode.BYPASS, reason="why", minutes=5)
    again = Modes(modes.memory("{}"))
    assert (again.mode, again.lot_on_hold, again.bypass_until_ns) == (Mode.STOPPED, True, 0)
    modes.stop(by="line", reason="jam", latch=True)
    assert Modes(modes.memory("{}")).latched


@pytest.mark.parametrize("lot", ["x" * 61, "a\nb"])
def test_a_lot_that_cannot_be_printed_is_refused(lot: str) -> None:
    with pytest.raises(Refused):
        Modes(None).set_lot(lot, by="lan")


def test_vietnamese_lots_are_welcome() -> None:
    modes = Modes(None)
    modes.set_lot("Lô 12/ca sáng", by="Lan")
    assert modes.lot == "Lô 12/ca sáng"


def test_saying_a_lots_name_again_does_not_release_it() -> None:
    modes = Modes(None)
    modes.set_lot("L1", by="lan")
    run(modes, Mode.BYPASS, reason="why", minutes=1)
    run(modes)
    modes.set_lot("L1", by="lan")
    assert modes.lot_on_hold
    modes.set_lot("L2", by="lan")
    assert not modes.lot_on_hold
