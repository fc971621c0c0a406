"""A run whose two accounts agree, to be spoiled in one place at a time."""

from __future__ import annotations

from edge.apps.demo import truth
from edge.apps.demo.books import Books
from edge.apps.demo.truth import AnyEvent
from edge.clock import MS
from edge.domain.frame import FrameRef
from edge.domain.ledger import GateRecord, OutageRecord, PartRecord, StoredPart, TriggerRecord, TriggerSource
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.result import RecipeRef, Result, Timings
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict

RECIPE = RecipeRef(name="biscuit", version=1, digest="0" * 16)
START_NS = 1000 * MS
PITCH_NS = 200 * MS
TRAVEL_NS = 800 * MS
PARTS = 12
OUTAGE = (7, 8)  # these two came while line was down
COLLATERAL = 10
GHOST_OF = 5
CHANGED = 4  # judged NG
KILLED = 9  # an OK whose gate record was lost


def trigger_ns(n: int) -> int:
    return START_NS + n * PITCH_NS


def verdict_of(n: int) -> Verdict:
    return {CHANGED: Verdict.NG, 6: Verdict.UNSURE, 11: Verdict.NOT_INSPECTED}.get(n, Verdict.OK)


def passes(n: int) -> bool:
    return verdict_of(n) is Verdict.OK and n not in (*OUTAGE, COLLATERAL)


def events() -> list[AnyEvent]:
    found: list[AnyEvent] = [
        truth.Started(
            at_ns=START_NS, boot_id="b", station="demo", seed=1, product="biscuit", rate_per_min=300.0,
            travel_ms=800.0, gate="pass_pulse", safe_ms=100.0, defect_rate=0.12,
        )
    ]  # fmt: skip
    for n in range(1, PARTS + 1):
        at_ns = trigger_ns(n)
        kind, severity = {CHANGED: ("broken", "gross"), 2: ("spot", "subtle")}.get(n, ("", ""))
        found.append(truth.Part(at_ns=at_ns, n=n, product="biscuit", kind=kind, severity=severity, announced=True))
        found.append(truth.Edge(at_ns=at_ns, n=n, ghost=False))
        if n == GHOST_OF:
            found.append(truth.Edge(at_ns=at_ns + 8 * MS, n=n, ghost=True))
        found.append(truth.Exposure(at_ns=at_ns + 3 * MS, n=n, shows=n, fault=""))
        outcome = "passed" if passes(n) else "rejected"
        found.append(truth.Gate(at_ns=at_ns + TRAVEL_NS, n=n, outcome=outcome, level=passes(n), relay=True))
    return found


def part_id(n: int, epoch: int = 1) -> PartId:
    return PartId(station="demo", epoch=epoch, n=n)


def stored(n: int, verdict: Verdict, at_ns: int, *, number: int) -> StoredPart:
    """The record of the truth's part `n` under the ledger's own `number`."""
    name = part_id(number)
    frame = FrameRef(
        camera="top", epoch=1, slot=n % 8, generation=2, seq=n, exposed_at_ns=at_ns + 3 * MS, error_ns=MS
    )  # fmt: skip
    timings = Timings(waited_us=9000, prepare_us=3000, model_us=15_000, total_us=20_000 + n * 1000)
    seen = verdict is not Verdict.NOT_INSPECTED
    result = Result(part=name, view="top", recipe=RECIPE, verdict=verdict, frame=frame, timings=timings)
    reasons = () if seen else (Reason(code=ReasonCode.VIEW, where="top"),)
    outcome = GateOutcome.PASSED if verdict is Verdict.OK else GateOutcome.CONFIRMED
    gate = GateRecord(
        part=name, outcome=GateOutcome.COLLATERAL if n == COLLATERAL else outcome, at_ns=at_ns + TRAVEL_NS
    )  # fmt: skip
    return StoredPart(
        row=number,
        trigger=TriggerRecord(
            part=name, trigger_ns=at_ns, error_ns=0, source=TriggerSource.SENSOR, mode=Mode.RUN,
            purpose=Purpose.PRODUCTION, lot="L1", recipe=RECIPE, models=(), travel=800.0, wall="2026-01-01T00:00:00Z",
        ),
        record=PartRecord(
            part=name, verdict=verdict, reasons=reasons, results=(result,) if seen else (),
            decided_ns=at_ns + 40 * MS, cutoff_ns=at_ns + 730 * MS,
        ),
        gate=None if n == KILLED else gate,
    )  # fmt: skip


def books() -> Books:
    parts: list[StoredPart] = []
    for n in range(1, PARTS + 1):
        if n in OUTAGE:
            continue
        parts.append(stored(n, verdict_of(n), trigger_ns(n), number=len(parts) + 1))
        if n == GHOST_OF:
            parts.append(stored(n, Verdict.NOT_INSPECTED, trigger_ns(n) + 8 * MS, number=len(parts) + 1))
    outage = OutageRecord(
        epoch=2, from_ns=trigger_ns(OUTAGE[0]) - 50 * MS, to_ns=trigger_ns(OUTAGE[1]) + 50 * MS, why="restart", wall=""
    )
    return Books(parts=tuple(parts), outages=(outage,), open_parts=0)
