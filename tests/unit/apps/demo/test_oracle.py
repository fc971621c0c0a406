"""The oracle: silent on accounts that agree, and sure to find one thing that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge.apps.demo import books as bookkeeping
from edge.apps.demo import truth
from edge.apps.demo.books import Books
from edge.apps.demo.oracle import Audit, Wrong, audit
from edge.apps.demo.summary import show, summarise, to_json
from edge.apps.demo.truth import AnyEvent
from edge.clock import MS, ManualClock, boot_id
from edge.domain.ledger import StoredPart
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict
from edge.errors import Refused, StoreError, UsageError
from edge.store.ledger import LedgerWriter
from tests.unit.apps.demo import accounts

JUDGED = [n for n in range(1, accounts.PARTS + 1) if n not in (*accounts.OUTAGE, 11)]
RECORDED = [n for n in range(1, accounts.PARTS + 1) if n not in accounts.OUTAGE]
PASSED = [n for n in JUDGED if accounts.passes(n)]
SAID = [n for n in RECORDED if n != accounts.KILLED]


def kinds(found: Audit) -> set[Wrong]:
    return {finding.wrong for finding in found.findings}


def at(n: int) -> int:
    return accounts.trigger_ns(n)


def with_part(n: int, change: Callable[[StoredPart], StoredPart]) -> Books:
    books = accounts.books()
    parts = tuple(change(part) if part.trigger.trigger_ns == at(n) else part for part in books.parts)
    return replace(books, parts=parts)


def without(n: int) -> Books:
    books = accounts.books()
    return replace(books, parts=tuple(part for part in books.parts if part.trigger.trigger_ns != at(n)))


def with_event(kind: type[truth.Event], n: int, **changes: Any) -> list[AnyEvent]:
    return [
        msgspec.structs.replace(event, **changes) if isinstance(event, kind) and event.n == n else event  # type: ignore[attr-defined]
        for event in accounts.events()
    ]


def test_accounts_that_agree() -> None:
    found = audit(accounts.events(), accounts.books(), {accounts.part_id(1): 1, accounts.part_id(3): 3})
    assert found.findings == ()
    assert (found.covered, found.unseen, found.unfinished) == (2, 0, 0)


@given(st.sampled_from(RECORDED))
def test_a_lost_record(n: int) -> None:
    found = audit(accounts.events(), without(n))
    assert Wrong.UNACCOUNTED in kinds(found)
    assert (Wrong.GATE in kinds(found)) == accounts.passes(n)  # and a pass without a record is wrong as well


@given(st.integers(0, 1), st.booleans())
def test_an_outage_that_is_too_short(which: int, late: bool) -> None:
    books = accounts.books()
    edge = at(accounts.OUTAGE[which])
    change = {"from_ns": edge + 1} if not late else {"to_ns": edge - 1}
    outage = replace(books.outages[0], **change)
    found = audit(accounts.events(), replace(books, outages=(outage,)))
    assert kinds(found) == {Wrong.UNACCOUNTED}


def test_a_part_left_open() -> None:
    found = audit(accounts.events(), replace(accounts.books(), open_parts=2))
    assert found.count(Wrong.UNACCOUNTED) == 2


@given(st.sampled_from(RECORDED))
def test_a_second_record_for_one_announcement(n: int) -> None:
    books = accounts.books()
    twin = accounts.stored(n, accounts.verdict_of(n), at(n), number=99)
    assert Wrong.DOUBLED in kinds(audit(accounts.events(), replace(books, parts=(*books.parts, twin))))


@given(st.sampled_from(RECORDED))
def test_one_id_for_two_parts(n: int) -> None:
    first = accounts.books().parts[0].record.part

    def rename(part: StoredPart) -> StoredPart:
        return replace(part, record=replace(part.record, part=first))

    found = audit(accounts.events(), with_part(n, rename))
    assert (Wrong.DOUBLED in kinds(found)) == (n != 1)


@given(st.integers(-5000, 5000).filter(lambda us: us not in (0,)))
def test_a_record_of_nothing(off_us: int) -> None:
    books = accounts.books()
    ghost = accounts.stored(3, Verdict.NG, at(3) + off_us * 1000, number=98)
    assert kinds(audit(accounts.events(), replace(books, parts=(*books.parts, ghost)))) == {Wrong.PHANTOM}


@given(st.sampled_from(PASSED), st.sampled_from([Verdict.NG, Verdict.UNSURE, Verdict.NOT_INSPECTED]))
def test_a_pass_without_an_ok(n: int, verdict: Verdict) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        return replace(part, record=replace(part.record, verdict=verdict))

    assert Wrong.GATE in kinds(audit(accounts.events(), with_part(n, spoil)))


@given(st.sampled_from([n for n in range(1, accounts.PARTS + 1) if n not in PASSED]))
def test_a_rejected_part_that_passed_in_truth(n: int) -> None:
    assert Wrong.GATE in kinds(audit(with_event(truth.Gate, n, outcome="passed"), accounts.books()))


@given(st.sampled_from([n for n in SAID if n in PASSED]))
def test_a_passed_part_that_was_rejected_in_truth(n: int) -> None:
    assert kinds(audit(with_event(truth.Gate, n, outcome="rejected"), accounts.books())) == {Wrong.GATE}


@given(st.sampled_from([*SAID, *accounts.OUTAGE]))
def test_a_torn_part(n: int) -> None:
    assert Wrong.GATE in kinds(audit(with_event(truth.Gate, n, outcome="torn"), accounts.books()))


@pytest.mark.parametrize("outcome", ["passed", "rejected"])
def test_an_ok_whose_gate_record_a_kill_lost_may_go_either_way(outcome: str) -> None:
    events = with_event(truth.Gate, accounts.KILLED, outcome=outcome)
    assert audit(events, accounts.books()).findings == ()


@given(st.sampled_from(SAID), st.sampled_from(list(GateOutcome)))
def test_another_outcome_in_the_record(n: int, outcome: GateOutcome) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        assert part.gate is not None
        return replace(part, gate=replace(part.gate, outcome=outcome))

    passed_said = outcome is GateOutcome.PASSED
    wrong_collateral = outcome is GateOutcome.COLLATERAL and accounts.verdict_of(n) is not Verdict.OK
    found = audit(accounts.events(), with_part(n, spoil))
    assert (Wrong.GATE in kinds(found)) == (passed_said != accounts.passes(n) or wrong_collateral)


@given(st.sampled_from(PASSED))
def test_an_ok_that_came_after_the_gate(n: int) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        return replace(part, record=replace(part.record, decided_ns=at(n) + accounts.TRAVEL_NS + 1))

    assert kinds(audit(accounts.events(), with_part(n, spoil))) == {Wrong.GATE}


def test_a_bypass_may_pass() -> None:
    def spoil(part: StoredPart) -> StoredPart:
        reasons = (Reason(code=ReasonCode.BYPASS),)
        return replace(part, record=replace(part.record, verdict=Verdict.NOT_INSPECTED, reasons=reasons))

    assert audit(accounts.events(), with_part(PASSED[0], spoil)).findings == ()


def test_an_ok_for_a_bounce() -> None:
    books = accounts.books()
    ghost_ns = at(accounts.GHOST_OF) + 8 * MS
    parts = tuple(
        replace(part, record=replace(part.record, verdict=Verdict.OK)) if part.trigger.trigger_ns == ghost_ns else part
        for part in books.parts
    )
    assert kinds(audit(accounts.events(), replace(books, parts=parts))) == {Wrong.GATE}


@given(st.sampled_from(JUDGED), st.sampled_from(range(1, accounts.PARTS + 1)))
def test_judged_by_the_frame_of_another_part(n: int, other: int) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        result = part.record.results[0]
        assert result.frame is not None
        frame = replace(result.frame, exposed_at_ns=at(other) + 3 * MS)
        return replace(part, record=replace(part.record, results=(replace(result, frame=frame),)))

    assert kinds(audit(accounts.events(), with_part(n, spoil))) == ({Wrong.FRAME} if other != n else set())


@given(st.sampled_from(JUDGED), st.sampled_from([0, 1, 99]))
def test_judged_by_pixels_of_another_part(n: int, shows: int) -> None:
    found = audit(with_event(truth.Exposure, n, shows=shows), accounts.books())
    assert kinds(found) == ({Wrong.FRAME} if shows != n else set())


@given(st.sampled_from(JUDGED), st.booleans())
def test_a_verdict_without_frame_or_result(n: int, whole: bool) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        results = () if whole else (replace(part.record.results[0], frame=None),)
        return replace(part, record=replace(part.record, results=results))

    assert kinds(audit(accounts.events(), with_part(n, spoil))) == {Wrong.FRAME}


@given(st.sampled_from(JUDGED))
def test_the_result_of_another_part(n: int) -> None:
    def spoil(part: StoredPart) -> StoredPart:
        result = replace(part.record.results[0], part=accounts.part_id(77))
        return replace(part, record=replace(part.record, results=(result,)))

    assert kinds(audit(accounts.events(), with_part(n, spoil))) == {Wrong.FRAME}


@given(st.sampled_from([None, 2, 500]))
def test_a_picture_of_another_part(number: int | None) -> None:
    assert kinds(audit(accounts.events(), accounts.books(), {accounts.part_id(1): number})) == {Wrong.PICTURE}


def test_a_part_that_the_sensor_missed_must_not_pass() -> None:
    events: list[AnyEvent] = [e for e in accounts.events() if not (isinstance(e, truth.Edge) and e.n == 3)]
    events = [
        msgspec.structs.replace(e, announced=False) if isinstance(e, truth.Part) and e.n == 3 else e for e in events
    ]
    found = audit(events, without(3))
    assert kinds(found) == {Wrong.GATE}
    assert found.unseen == 1


def test_the_summary() -> None:
    found = audit(accounts.events(), accounts.books())
    frames = {"captured": 12, "overwritten": 1, "dropped": 0, "more": 5}
    summary = summarise(found, outages=1, frames=frames, restarts=2, pictures=3)
    plain = json.loads(to_json(summary))
    keys = ["parts", "verdicts", "truth", "escapes", "false_rejects", "unaccounted", "gate", "outages", "latency_ms"]
    assert list(plain)[:12] == [*keys, "frames", "restarts", "seed"]
    assert plain["parts"] == 12
    assert plain["verdicts"] == {"OK": 7, "NG": 1, "UNSURE": 1, "NOT_INSPECTED": 1}
    assert plain["truth"] == {"good": 10, "defective": 2}
    assert plain["escapes"] == {"gross": 0, "medium": 0, "subtle": 1}
    assert plain["escapes_of"] == {"gross": 1, "medium": 0, "subtle": 1}
    assert plain["false_rejects"] == 1
    assert plain["gate"] == {"fired": 6, "wrong": 0, "collateral": 1, "confirmed": 3}
    assert plain["latency_ms"] == {"p50": 25.0, "p99": pytest.approx(31.84)}
    assert plain["frames"] == {"captured": 12, "overwritten": 1, "dropped": 0}
    assert plain["reasons"] == {"view": 1}
    assert plain["passed"] is True


def test_the_table_says_pass_or_fail_and_why() -> None:
    for books, word in ((accounts.books(), "PASS"), (without(1), "FAIL")):
        console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
        show(summarise(audit(accounts.events(), books), outages=1, frames={}, restarts=0), console)
        console.file.close()
        text = console.export_text()
        assert word in text
        assert ("in no record and no outage" in text) == (word == "FAIL")


def test_truth_survives_the_file_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    for _ in range(2):
        writer = truth.TruthWriter(path)
        writer.write(list(accounts.events()))
        writer.close()
    assert truth.read_last_run(path) == accounts.events()
    reader = truth.TruthReader(path)
    assert len(reader.read()) == 2 * len(accounts.events())
    with path.open("a") as file:
        file.write('{"event":"part","n":')
        file.flush()
        assert reader.read() == []
        file.write("1}\n")
    with pytest.raises(StoreError, match="line"):
        reader.read()


def test_a_truth_without_a_run(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.touch()
    with pytest.raises(UsageError):
        truth.read_last_run(path)
    with pytest.raises(StoreError):
        truth.read_last_run(tmp_path / "none.jsonl")


def test_only_the_epochs_of_the_run_are_read(tmp_path: Path) -> None:
    clock = ManualClock()
    path = tmp_path / "ledger.db"
    writer = LedgerWriter.open(path, station="demo", reserve_bytes=1 << 20, clock=clock)
    stored = accounts.books().parts
    starts = [accounts.START_NS - 1, accounts.START_NS + 1]
    for epoch, now_ns in enumerate(starts, start=1):
        writer.begin_epoch(boot_id=boot_id(), now_ns=now_ns, wall="2026-01-01T00:00:00Z")
        for part in stored[:3]:
            name = accounts.part_id(part.record.part.n, epoch)
            writer.commit([replace(part.trigger, part=name)])
            writer.commit([replace(part.record, part=name, results=())])
    writer.close()
    start = accounts.events()[0]
    assert isinstance(start, truth.Started)
    books = bookkeeping.read_books(path, msgspec.structs.replace(start, boot_id=boot_id()))
    assert [part.record.part for part in books.parts] == [accounts.part_id(n, 2) for n in (1, 2, 3)]
    assert books.open_parts == 0
    with pytest.raises(Refused):
        bookkeeping.read_books(path, start)
