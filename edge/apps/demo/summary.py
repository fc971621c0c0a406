"""The demo's summary: one JSON object with stable keys, and the same as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from edge.apps.demo.oracle import Audit, Case, Wrong, severities
from edge.apps.demo.scene.spec import SEVERITIES
from edge.domain.verdict import GateOutcome, Verdict

_NOT_ALLOWED = (Wrong.UNACCOUNTED, Wrong.DOUBLED, Wrong.GATE, Wrong.FRAME, Wrong.PHANTOM, Wrong.PICTURE)
_SHOWN = 10


class GateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """fired: parts that were rejected in truth. wrong: the gate's act and the record disagree."""

    fired: int
    wrong: int
    collateral: int
    confirmed: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Keys as scripts know them; what was added since stands at the end. latency_ms: exposure to verdict.

    escapes: defective parts judged OK. false_rejects: good parts judged NG or UNSURE. escapes_of: defective parts
    that were judged at all, by severity. covered: announcements inside an outage.
    """

    parts: int
    verdicts: dict[str, int]
    truth: dict[str, int]
    escapes: dict[str, int]
    false_rejects: int
    unaccounted: int
    gate: GateSummary
    outages: int
    latency_ms: dict[str, float]
    frames: dict[str, int]
    restarts: int
    seed: int
    escapes_of: dict[str, int]
    reasons: dict[str, int]
    doubled: int
    wrong_frames: int
    phantoms: int
    wrong_pictures: int
    pictures: int
    covered: int
    unseen: int
    unfinished: int
    passed: bool
    findings: tuple[str, ...]


def summarise(
    audit: Audit, *, outages: int, frames: Mapping[str, int], restarts: int, pictures: int = 0
) -> Summary:  # fmt: skip
    """`frames`: captured, overwritten and dropped, as capture reported them."""
    cases = audit.cases
    by_severity = severities(cases)
    judged = {name: [case for case in by_severity[name] if _judged(case)] for name in SEVERITIES}
    defective = sum(bool(case.part.severity) for case in cases)
    return Summary(
        parts=len(cases),
        verdicts=_verdicts(cases),
        truth={"good": len(cases) - defective, "defective": defective},
        escapes={name: sum(case.verdict is Verdict.OK for case in judged[name]) for name in SEVERITIES},
        false_rejects=sum(case.verdict in (Verdict.NG, Verdict.UNSURE) for case in cases if not case.part.severity),
        unaccounted=audit.count(Wrong.UNACCOUNTED),
        gate=_gate(audit),
        outages=outages,
        latency_ms=_latency(cases),
        frames={name: int(frames.get(name, 0)) for name in ("captured", "overwritten", "dropped")},
        restarts=restarts,
        seed=audit.started.seed,
        escapes_of={name: len(judged[name]) for name in SEVERITIES},
        reasons=_reasons(cases),
        doubled=audit.count(Wrong.DOUBLED),
        wrong_frames=audit.count(Wrong.FRAME),
        phantoms=audit.count(Wrong.PHANTOM),
        wrong_pictures=audit.count(Wrong.PICTURE),
        pictures=pictures,
        covered=audit.covered,
        unseen=audit.unseen,
        unfinished=audit.unfinished,
        passed=not any(audit.count(wrong) for wrong in _NOT_ALLOWED),
        findings=tuple(f"part {f.n}: {f.words}" if f.n else f.words for f in audit.findings[:_SHOWN]),
    )


def to_json(summary: Summary) -> str:
    return msgspec.json.encode(summary).decode()


def show(summary: Summary, console: Console) -> None:
    """A table and one line that says PASS or FAIL."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _rows(summary):
        table.add_row(name, value)
    console.print(table)
    for finding in summary.findings:
        console.print(f"  {finding}", style="red", markup=False)
    verdict = "PASS: every part is accounted for" if summary.passed else "FAIL: the accounts do not agree"
    console.print(verdict, style="bold green" if summary.passed else "bold red")


def _rows(s: Summary) -> list[tuple[str, str]]:
    def words(values: Mapping[str, Any]) -> str:
        return "   ".join(f"{name} {value}" for name, value in values.items())

    escapes: dict[str, str] = {name: f"{s.escapes[name]} of {s.escapes_of[name]}" for name in SEVERITIES}
    gate = msgspec.to_builtins(s.gate)
    return [
        ("parts", f"{s.parts}   {words(s.truth)}"),
        ("verdicts", words(s.verdicts)),
        ("escapes", words(escapes)),
        ("false rejects", f"{s.false_rejects} of {s.truth['good']}"),
        ("unaccounted", str(s.unaccounted)),
        ("gate", words(gate)),
        ("outages", f"{s.outages}   parts in them {s.covered}   restarts {s.restarts}"),
        ("exposure to verdict", f"p50 {s.latency_ms['p50']:.1f} ms   p99 {s.latency_ms['p99']:.1f} ms"),
        ("frames", words(s.frames)),
        ("pictures checked", f"{s.pictures}   wrong {s.wrong_pictures}"),
        ("seed", str(s.seed)),
    ]


def _judged(case: Case) -> bool:
    return case.verdict in (Verdict.OK, Verdict.NG, Verdict.UNSURE)


def _verdicts(cases: Iterable[Case]) -> dict[str, int]:
    found = Counter(case.verdict for case in cases)
    return {verdict.value: found[verdict] for verdict in Verdict}


def _gate(audit: Audit) -> GateSummary:
    said = Counter(case.stored.gate.outcome for case in audit.cases if case.stored and case.stored.gate)
    return GateSummary(
        fired=sum(case.gate is not None and case.gate.outcome == "rejected" for case in audit.cases),
        wrong=audit.count(Wrong.GATE),
        collateral=said[GateOutcome.COLLATERAL],
        confirmed=said[GateOutcome.CONFIRMED],
    )


def _latency(cases: Iterable[Case]) -> dict[str, float]:
    """Exposure to the complete verdict, over parts that were judged by a frame."""
    took_ms = [
        result.timings.total_us / 1000
        for case in cases
        if case.stored is not None and _judged(case)
        for result in case.stored.record.results
        if result.timings is not None
    ]
    if not took_ms:
        return {"p50": 0.0, "p99": 0.0}
    p50, p99 = np.percentile(took_ms, (50, 99))
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def _reasons(cases: Iterable[Case]) -> dict[str, int]:
    """First reasons of parts that were not inspected."""
    found = Counter(
        case.stored.record.reasons[0].code.value
        for case in cases
        if case.stored is not None and case.verdict is Verdict.NOT_INSPECTED and case.stored.record.reasons
    )
    return dict(sorted(found.items()))
