"""Plausible entries for the ledger's tests."""

from __future__ import annotations

from edge.domain.frame import FrameRef
from edge.domain.ledger import GateRecord, LineMemory, PartRecord, TriggerRecord, TriggerSource
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.prediction import Box
from edge.domain.result import Placement, RecipeRef, Result, Score, Timings
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict

STATION = "s1"
RECIPE = RecipeRef(name="biscuit", version=3, digest="0123456789abcdef")
MEMORY = LineMemory(
    mode=Mode.RUN, latched=True, lot="L7", lot_on_hold=False, purpose=Purpose.CHALLENGE, recipe_ready='{"a":1}'
)


def part_id(epoch: int, n: int) -> PartId:
    return PartId(station=STATION, epoch=epoch, n=n)


def trigger(
    epoch: int,
    n: int,
    *,
    at_ns: int = 5_000,
    lot: str = "L1",
    purpose: Purpose = Purpose.PRODUCTION,
    wall: str = "2026-01-01T10:00:00+00:00",
    recipe: RecipeRef | None = RECIPE,
) -> TriggerRecord:
    return TriggerRecord(
        part=part_id(epoch, n),
        trigger_ns=at_ns,
        error_ns=1000,
        source=TriggerSource.SENSOR,
        mode=Mode.RUN,
        purpose=purpose,
        lot=lot,
        recipe=recipe,
        models=("aabbccddeeff",),
        travel=800.0,
        wall=wall,
    )


def record(epoch: int, n: int, verdict: Verdict = Verdict.OK, code: ReasonCode | None = None) -> PartRecord:
    part = part_id(epoch, n)
    result = Result(
        part=part,
        view="top",
        recipe=RECIPE,
        verdict=verdict,
        scores=(Score(check="surface", score=1.25, unsure_from=2.0, ng_from=3.0),),
        boxes=(Box(x=1, y=2, width=3, height=4, score=0.5),),
        models=("aabbccddeeff",),
        placement=Placement(x_px=512.5, y_px=300.25, angle_deg=3.5),
        frame=FrameRef(
            camera="top", epoch=1, slot=3, generation=88, seq=1234, exposed_at_ns=9_876_543_210, error_ns=1000
        ),
        timings=Timings(waited_us=100, prepare_us=2000, model_us=12_000, total_us=20_000),
    )
    if code is None and verdict is not Verdict.OK:
        code = ReasonCode.ANOMALY
    reasons = () if code is None else (Reason(code=code, where="surface", value=1.25, limit=1.0),)
    return PartRecord(part=part, verdict=verdict, reasons=reasons, results=(result,), decided_ns=6_000, cutoff_ns=7_000)


def gate(epoch: int, n: int, outcome: GateOutcome = GateOutcome.PASSED) -> GateRecord:
    return GateRecord(part=part_id(epoch, n), outcome=outcome, at_ns=8_000)
