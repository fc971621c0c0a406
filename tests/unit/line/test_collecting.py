"""Parts that are collected for teaching: photographed, never inspected, and at the gate what the mode says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.bus import wire
from edge.clock import MS
from edge.domain.ledger import PartRecord
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.line.committer import may_pass
from edge.line.gate_thread import Add
from tests.unit.line.plant import HOLD_MS, LEAD_MS, TRAVEL_MS, Plant, result

CUTOFF_MS = TRAVEL_MS - HOLD_MS - LEAD_MS
SPARE_MS = 100
BOTH = [(Mode.SETUP, ReasonCode.SETUP), (Mode.BYPASS, ReasonCode.BYPASS)]


def collecting(mode: Mode, *cameras: str) -> Plant:
    plant = Plant(*cameras, mode=mode)
    plant.modes.purpose = Purpose.SETUP
    return plant


def record_of(plant: Plant, part: PartId) -> PartRecord:
    record = plant.record_of(part)
    assert record is not None
    return record


@pytest.mark.parametrize(("mode", "code"), BOTH)
@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.NG, Verdict.NOT_INSPECTED])
def test_the_record_waits_for_the_picture_and_says_what_the_mode_says(
    mode: Mode, code: ReasonCode, verdict: Verdict
) -> None:
    plant = collecting(mode)
    part = plant.edge()
    assert plant.record_of(part) is None
    assert len(plant.heard(wire.Expect)) == 1
    plant.flow.judged(result(part, plant.clock.now_ns() + 3 * MS, verdict=verdict))
    record = record_of(plant, part)
    assert (record.verdict, record.reasons) == (Verdict.NOT_INSPECTED, (Reason(code=code),))
    assert [one.frame is not None for one in record.results] == [True]
    assert may_pass(record) is (mode is Mode.BYPASS)


def test_in_set_up_the_gate_has_every_part_on_reject_for_ever_and_in_a_bypass_not() -> None:
    for mode, denied in ((Mode.SETUP, True), (Mode.BYPASS, False)):
        plant = collecting(mode)
        plant.edge()
        (add,) = plant.gate.of(Add)
        assert isinstance(add, Add)
        assert add.denied is denied


@pytest.mark.parametrize(("mode", "code"), BOTH)
def test_without_a_picture_it_is_recorded_before_the_gate_must_know(mode: Mode, code: ReasonCode) -> None:
    plant = collecting(mode)
    part = plant.edge()
    spare_ms = SPARE_MS if mode is Mode.BYPASS else 0  # it is to pass, and its record must be durable by then
    plant.clock.advance_ms(CUTOFF_MS - spare_ms - 1)
    plant.flow.turn()
    assert plant.record_of(part) is None
    plant.clock.advance_ms(1)
    plant.flow.turn()
    record = record_of(plant, part)
    assert (record.reasons, record.results) == ((Reason(code=code),), ())
    assert may_pass(record) is (mode is Mode.BYPASS)


def test_a_part_of_several_views_waits_for_all_of_them() -> None:
    plant = collecting(Mode.SETUP, "top", "side")
    part = plant.edge()
    now_ns = plant.clock.now_ns()
    plant.flow.judged(result(part, now_ns, verdict=Verdict.NG, view="top"))
    assert plant.record_of(part) is None
    plant.flow.judged(result(part, now_ns, view="side"))
    assert [one.view for one in record_of(plant, part).results] == ["top", "side"]


@pytest.mark.parametrize("purpose", [Purpose.PRODUCTION, Purpose.CHALLENGE])
def test_other_purposes_are_recorded_at_once_as_ever(purpose: Purpose) -> None:
    for mode, code in BOTH:
        plant = Plant(mode=mode)
        plant.modes.purpose = purpose
        record = record_of(plant, plant.edge())
        assert (record.reasons, record.results) == ((Reason(code=code),), ())


@pytest.mark.parametrize("mode", [Mode.RUN, Mode.SETUP, Mode.BYPASS])
@pytest.mark.parametrize("code", [ReasonCode.BYPASS, ReasonCode.SETUP, ReasonCode.STOPPED])
def test_a_judgement_that_claims_what_only_the_line_may_say_does_not_count(mode: Mode, code: ReasonCode) -> None:
    plant = collecting(mode)
    part = plant.edge()
    plain = result(part, plant.clock.now_ns(), verdict=Verdict.NOT_INSPECTED)
    plant.flow.judged(replace(plain, reasons=(Reason(code=code),)))
    assert plant.record_of(part) is None
    assert plant.flow.open.refused["reason"] == 1
