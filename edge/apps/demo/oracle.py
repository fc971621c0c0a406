"""Compares accounts: what the conveyor knows happened against what the services recorded. Pure.

A part is matched to its record by the exact time of its sensor edge. Nothing is taken on trust: that a part
passed is known from the gate's physics, which frame was its own from the camera's exposures, and which picture
was kept from the number in its pixels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge.apps.demo import truth
from edge.apps.demo.books import Books
from edge.apps.demo.truth import AnyEvent
from edge.domain.ledger import StoredPart
from edge.domain.part import PartId
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict


class Wrong(StrEnum):
    """What can be wrong. Each is counted; any of the first five fails the demo."""

    UNACCOUNTED = "unaccounted"  # announced, in no record and in no outage; or accepted and never closed
    DOUBLED = "doubled"  # two records for one announcement
    GATE = "gate"  # the gate did what no record allows, or the record says otherwise
    FRAME = "frame"  # judged by another part's picture
    PHANTOM = "phantom"  # a record that nothing announced
    PICTURE = "picture"  # the picture kept as evidence is of another part


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One discrepancy. n: the truth's part, 0 for none. words: for the person who looks into it."""

    wrong: Wrong
    n: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything known of one truth part."""

    part: truth.Part
    stored: StoredPart | None
    gate: truth.Gate | None

    @property
    def verdict(self) -> Verdict | None:
        return None if self.stored is None else self.stored.record.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """cases in the truth's order; covered: announcements that an outage covers; unseen: parts that the sensor did
    not announce (a fault on request); unfinished: parts whose way did not end before the truth did."""

    started: truth.Started
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...]
    covered: int
    unseen: int
    unfinished: int

    def count(self, wrong: Wrong) -> int:
        return sum(finding.wrong is wrong for finding in self.findings)


@dataclass(slots=True)
class _Truth:
    started: truth.Started
    parts: dict[int, truth.Part] = field(default_factory=dict)
    edges: dict[int, truth.Edge] = field(default_factory=dict)  # by time
    gates: dict[int, truth.Gate] = field(default_factory=dict)
    exposures: dict[int, truth.Exposure] = field(default_factory=dict)  # by time; only those given out


def audit(events: Iterable[AnyEvent], books: Books, pictures: Mapping[PartId, int | None] | None = None) -> Audit:
    """`events`: one run, its `start` first. `pictures`: the number read from each picture kept as evidence (None when
    it cannot be read)."""
    true = _sort(events)
    findings: list[Finding] = []
    by_time = _match(true, books, findings)
    covered = _account(true, books, by_time, findings)
    stored = {true.edges[at_ns].n: part for at_ns, part in by_time.items() if not true.edges[at_ns].ghost}
    cases = tuple(
        Case(part=part, stored=stored.get(n), gate=true.gates.get(n)) for n, part in sorted(true.parts.items())
    )
    for case in cases:
        findings += _check_gate(case)
        findings += _check_frame(case, true.exposures)
    for at_ns, part in by_time.items():
        if true.edges[at_ns].ghost and part.record.verdict is Verdict.OK:
            findings.append(_finding(Wrong.GATE, true.edges[at_ns].n, f"{part.record.part} is OK and was never there"))
    findings += _check_pictures({part.record.part: n for n, part in stored.items()}, pictures or {}, true)
    return Audit(
        started=true.started,
        cases=cases,
        findings=tuple(findings),
        covered=covered,
        unseen=sum(not part.announced for part in true.parts.values()),
        unfinished=sum(case.gate is None for case in cases),
    )


def _sort(events: Iterable[AnyEvent]) -> _Truth:
    first, *rest = events
    assert isinstance(first, truth.Started), "a run begins with its start"
    true = _Truth(first)
    for event in rest:
        match event:
            case truth.Part():
                true.parts[event.n] = event
            case truth.Edge():
                true.edges[event.at_ns] = event
            case truth.Gate():
                true.gates[event.n] = event
            case truth.Exposure() if event.shows:
                true.exposures[event.at_ns] = event
    return true


def _finding(wrong: Wrong, n: int, words: str) -> Finding:
    return Finding(wrong=wrong, n=n, words=words)


def _match(true: _Truth, books: Books, findings: list[Finding]) -> dict[int, StoredPart]:
    """Announcement time -> its record; the doubled and the invented are noted."""
    by_time: dict[int, StoredPart] = {}
    ids: Counter[PartId] = Counter()
    for part in books.parts:
        at_ns, name = part.trigger.trigger_ns, part.record.part
        ids[name] += 1
        if at_ns not in true.edges:
            findings.append(_finding(Wrong.PHANTOM, 0, f"{name} at {at_ns}: nothing was announced then"))
        elif at_ns in by_time:
            words = f"{name} and {by_time[at_ns].record.part} are one announcement"
            findings.append(_finding(Wrong.DOUBLED, true.edges[at_ns].n, words))
        else:
            by_time[at_ns] = part
        if ids[name] == 2:
            findings.append(_finding(Wrong.DOUBLED, 0, f"{name} has two records"))
    return by_time


def _account(true: _Truth, books: Books, by_time: Mapping[int, StoredPart], findings: list[Finding]) -> int:
    """How many announcements are covered by an outage; the rest without a record are noted."""
    covered = 0
    for at_ns, edge in true.edges.items():
        if at_ns in by_time:
            continue
        if any(outage.from_ns <= at_ns <= outage.to_ns for outage in books.outages):
            covered += 1
        else:
            findings.append(_finding(Wrong.UNACCOUNTED, edge.n, f"announced at {at_ns}, in no record and no outage"))
    for _ in range(books.open_parts):
        findings.append(_finding(Wrong.UNACCOUNTED, 0, "a part was accepted and has no final record"))
    return covered


def may_pass(stored: StoredPart | None) -> bool:
    """Whether this record lets a part pass: OK, or BYPASS."""
    if stored is None:
        return False
    bypassed = any(reason.code is ReasonCode.BYPASS for reason in stored.record.reasons)
    return stored.record.verdict is Verdict.OK or (stored.record.verdict is Verdict.NOT_INSPECTED and bypassed)


def _check_gate(case: Case) -> Iterable[Finding]:
    gate, stored, n = case.gate, case.stored, case.part.n
    if gate is None:
        return
    said = stored.gate.outcome if stored is not None and stored.gate is not None else None
    name = stored.record.part if stored is not None else "no record"
    if gate.outcome != "rejected" and not may_pass(stored):
        yield _finding(Wrong.GATE, n, f"{gate.outcome} without an OK of its own ({name}, {case.verdict})")
    elif gate.outcome == "passed" and stored is not None and stored.record.decided_ns > gate.at_ns:
        yield _finding(Wrong.GATE, n, f"{name} passed before it was decided")
    if said is None:
        return  # a kill may have lost it; either way is then safe for a part with an OK
    if said is GateOutcome.COLLATERAL and not may_pass(stored):
        yield _finding(Wrong.GATE, n, f"{name} is {case.verdict} and said to be collateral")
    if gate.outcome != ("passed" if said is GateOutcome.PASSED else "rejected"):
        yield _finding(Wrong.GATE, n, f"{name}: the record says {said}, in truth it was {gate.outcome}")


def _check_frame(case: Case, exposures: Mapping[int, truth.Exposure]) -> Iterable[Finding]:
    """A product verdict must come from this part's own picture: by the exposure's time and by its pixels."""
    if case.stored is None or case.verdict is Verdict.NOT_INSPECTED:
        return
    name, n = case.stored.record.part, case.part.n
    if not case.stored.record.results:
        yield _finding(Wrong.FRAME, n, f"{name} is {case.verdict} without a result")
    for result in case.stored.record.results:
        if result.verdict is Verdict.NOT_INSPECTED:
            continue
        if result.part != name:
            yield _finding(Wrong.FRAME, n, f"{name} has the result of {result.part}")
        if result.frame is None:
            yield _finding(Wrong.FRAME, n, f"{name} is {result.verdict} without a frame")
            continue
        exposure = exposures.get(result.frame.exposed_at_ns)
        if exposure is None or exposure.n != n or exposure.shows != n:
            shows = "no exposure" if exposure is None else f"exposure of {exposure.n} showing {exposure.shows}"
            yield _finding(Wrong.FRAME, n, f"{name} was judged by {shows}")


def _check_pictures(
    names: Mapping[PartId, int], pictures: Mapping[PartId, int | None], true: _Truth
) -> Iterable[Finding]:
    """Evidence must be of its own part. After a fault of the frames it may be another: that was the fault."""
    spoiled = {exposure.n for exposure in true.exposures.values() if exposure.fault}
    for name, number in pictures.items():
        n = names.get(name)
        if n is not None and n not in spoiled and number != n:
            yield _finding(Wrong.PICTURE, n, f"the picture kept for {name} shows {number}")


def severities(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The defective parts by severity."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.part.severity:
            found[case.part.severity].append(case)
    return found
