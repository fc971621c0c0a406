"""The ledger's writer and reader: what is promised, and what is refused."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.clock import SECOND, ManualClock
from edge.domain.ledger import Alive, EventRecord, OutageRecord
from edge.domain.part import PartId, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.errors import AlreadyRunning, StoreError
from edge.store.database import integrity_problems
from edge.store.ledger import LedgerWriter
from edge.store.ledger_reader import LedgerReader, PartFilter
from edge.store.ledger_schema import LEDGER
from tests.unit.store.ledger_values import MEMORY, STATION, gate, part_id, record, trigger

MIB = 1024 * 1024


def open_ledger(path: Path, clock: ManualClock | None = None, station: str = STATION) -> LedgerWriter:
    return LedgerWriter.open(path, station=station, reserve_bytes=MIB, clock=clock or ManualClock())


def begin(ledger: LedgerWriter, boot: str = "boot-a", now_ns: int = 1_000) -> int:
    return ledger.begin_epoch(boot_id=boot, now_ns=now_ns, wall="2026-01-01T09:00:00+00:00").epoch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[LedgerWriter]:
    writer = open_ledger(path)
    begin(writer)
    yield writer
    writer.close()


@pytest.fixture
def reader(path: Path, ledger: LedgerWriter) -> Iterator[LedgerReader]:
    reader = LedgerReader(path, patience_s=0.2)
    yield reader
    reader.close()


def test_a_part_comes_back_as_it_went_in(ledger: LedgerWriter, reader: LedgerReader) -> None:
    assert ledger.commit([trigger(1, 1), trigger(1, 2, recipe=None)]) == {}
    assert reader.open_parts() == 2
    rows = ledger.commit([record(1, 1, Verdict.NG), record(1, 2)])
    ledger.commit([gate(1, 1, GateOutcome.CONFIRMED)])
    assert rows == {part_id(1, 1): 1, part_id(1, 2): 2}
    stored = reader.part(part_id(1, 1))
    assert stored is not None
    assert stored.row == 1
    assert stored.trigger == trigger(1, 1)
    assert stored.record == record(1, 1, Verdict.NG)
    assert stored.gate == gate(1, 1, GateOutcome.CONFIRMED)
    second = reader.part(part_id(1, 2))
    assert second is not None
    assert second.gate is None
    assert second.trigger.recipe is None
    assert reader.open_parts() == 0
    assert reader.part(part_id(1, 3)) is None
    assert reader.part(PartId(station="other", epoch=1, n=1)) is None


def test_trigger_record_and_gate_may_come_in_one_commit(ledger: LedgerWriter, reader: LedgerReader) -> None:
    ledger.commit([trigger(1, 1), record(1, 1), gate(1, 1)])
    assert [(part.row, part.gate is not None) for part in reader.parts_after(0)] == [(1, True)]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([record(1, 1)], "has its record already"),
        ([record(1, 9)], "never accepted"),
        ([trigger(1, 1)], "has its record"),
        ([trigger(1, 3)], "accepted twice"),
        ([trigger(2, 4)], "not of the running epoch"),
        ([gate(1, 1)], "gate record already"),
        ([gate(1, 3)], "before the part's own record"),
    ],
)
def test_a_defect_of_the_caller_is_refused_and_nothing_of_it_is_written(
    ledger: LedgerWriter, reader: LedgerReader, entries: list, says: str
) -> None:
    ledger.commit([trigger(1, 1), record(1, 1), gate(1, 1), trigger(1, 3)])
    with pytest.raises(StoreError, match=says):
        ledger.commit([trigger(1, 8), record(1, 8), *entries])
    assert reader.last_row() == 1
    assert reader.open_parts() == 1
    assert ledger.commit([record(1, 3)]) == {part_id(1, 3): 2}


def test_parts_of_another_station_are_refused(ledger: LedgerWriter) -> None:
    ledger_of_other = PartId(station="other", epoch=1, n=1)
    entry = trigger(1, 1)
    with pytest.raises(StoreError, match="another station"):
        ledger.commit([type(entry)(**{**_fields(entry), "part": ledger_of_other})])


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def test_a_restart_closes_what_was_left_open(path: Path) -> None:
    first = open_ledger(path)
    begin(first, now_ns=1_000)
    first.commit([MEMORY, trigger(1, 1), trigger(1, 2), record(1, 1), gate(1, 1), Alive(at_ns=9_000)])
    first.close()
    second = open_ledger(path)
    start = second.begin_epoch(boot_id="boot-a", now_ns=20_000, wall="w")
    assert (start.epoch, start.closed_parts, start.outage_from_ns, start.unclean) == (2, 1, 9_000, False)
    assert start.memory == MEMORY
    reader = LedgerReader(path)
    closed = reader.part(part_id(1, 2))
    assert closed is not None
    assert closed.record.verdict is Verdict.NOT_INSPECTED
    assert [reason.code for reason in closed.record.reasons] == [ReasonCode.LINE_RESTART]
    assert closed.record.decided_ns == 20_000
    assert closed.gate is not None
    assert closed.gate.outcome is GateOutcome.REJECTED
    assert reader.open_parts() == 0
    assert reader.memory() == MEMORY
    with pytest.raises(StoreError, match="has its record already"):
        second.commit([record(1, 2)])
    reader.close()
    second.close()


def test_an_outage_is_not_hidden_by_a_start_that_was_killed_before_it_worked(path: Path) -> None:
    for number, now_ns in enumerate((1_000, 50_000, 90_000), start=1):
        ledger = open_ledger(path)
        start = ledger.begin_epoch(boot_id="boot-a", now_ns=now_ns, wall="w")
        assert start.epoch == number
        if number == 1:
            assert start.outage_from_ns is None
            ledger.commit([Alive(at_ns=9_000), Alive(at_ns=7_000)])  # only forward
        else:
            assert start.outage_from_ns == 9_000
        ledger.close()


def test_after_another_boot_the_old_boots_outage_is_recorded_and_the_new_one_runs_from_its_zero(path: Path) -> None:
    ledger = open_ledger(path)
    begin(ledger)
    ledger.commit([trigger(1, 1, at_ns=5_000), Alive(at_ns=9_000)])
    ledger.close()
    ledger = open_ledger(path)
    start = ledger.begin_epoch(boot_id="boot-b", now_ns=300, wall="w2")
    assert start.outage_from_ns == 0
    reader = LedgerReader(path)
    [outage] = reader.outages()
    assert (outage.epoch, outage.from_ns, outage.to_ns, outage.wall) == (1, 9_000, 9_000, "w2")
    closed = reader.part(part_id(1, 1))
    assert closed is not None
    assert closed.record.decided_ns == 9_000  # on the old boot's clock
    ledger.commit([Alive(at_ns=400)])  # a smaller number than the old boot's, and newer
    ledger.close()
    ledger = open_ledger(path)
    assert ledger.begin_epoch(boot_id="boot-b", now_ns=500, wall="w").outage_from_ns == 400
    reader.close()
    ledger.close()


def test_outages_and_events_are_kept_newest_first(ledger: LedgerWriter, reader: LedgerReader) -> None:
    outages = [OutageRecord(epoch=1, from_ns=n, to_ns=n + 5, why="killed", wall="w") for n in (1, 2)]
    events = [EventRecord(epoch=1, at_ns=n, wall="w", kind="mode", by="anna", detail="RUN") for n in (1, 2)]
    ledger.commit([*outages, *events])
    assert reader.outages() == outages[::-1]
    assert reader.events(limit=1) == [events[1]]
    assert [(row.epoch, row.boot_id, row.closed) for row in reader.epochs()] == [(1, "boot-a", False)]


def test_filters_find_what_they_name(ledger: LedgerWriter, reader: LedgerReader) -> None:
    kinds = [
        (Verdict.OK, None),
        (Verdict.NG, ReasonCode.ANOMALY),
        (Verdict.UNSURE, ReasonCode.ANOMALY_UNSURE),
        (Verdict.NOT_INSPECTED, ReasonCode.NO_VERDICT),
    ]
    for n in range(1, 41):
        verdict, code = kinds[n % 4]
        wall = f"2026-01-01T{10 + n // 20}:{n:02d}:00+00:00"
        purpose = Purpose.CHALLENGE if n == 7 else Purpose.PRODUCTION
        ledger.commit(
            [trigger(1, n, lot=f"L{n // 10}", wall=wall, purpose=purpose), record(1, n, verdict, code), gate(1, n)]
        )

    def found(limit: int = 100, **wanted: object) -> list[int]:
        return [part.record.part.n for part in reader.parts(PartFilter(**wanted), limit)]  # type: ignore[arg-type]

    assert found() == list(range(40, 0, -1))
    assert found(limit=3) == [40, 39, 38]
    assert found(before_row=3) == [2, 1]
    assert found(verdicts=(Verdict.NG,)) == list(range(37, 0, -4))
    assert found(verdicts=(Verdict.NG, Verdict.OK), before_row=6) == [5, 4, 1]
    assert found(reason=ReasonCode.NO_VERDICT, lot="L3") == [39, 35, 31]
    assert found(lot="L1") == list(range(19, 9, -1))
    assert found(lot="none") == []
    assert found(purpose=Purpose.CHALLENGE) == [7]
    assert found(since_wall="2026-01-01T11:38:00") == [40, 39, 38]
    assert found(until_wall="2026-01-01T10:03:00") == [2, 1]
    assert [part.row for part in reader.parts_after(37)] == [38, 39, 40]
    assert [stored.gate.part.n for stored in reader.gates_after(38)] == [39, 40]


def test_counts_agree_with_the_rows(ledger: LedgerWriter, reader: LedgerReader) -> None:
    ledger.commit([trigger(1, n, lot="A" if n < 5 else "B", wall=f"2026-01-01T1{n}:30:00") for n in range(1, 8)])
    ledger.commit([record(1, n, Verdict.NG if n % 2 else Verdict.OK) for n in range(1, 8)])
    ledger.commit([gate(1, n, GateOutcome.REJECTED if n % 2 else GateOutcome.PASSED) for n in range(1, 7)])
    everything = reader.counts()
    assert everything.parts == 7
    assert everything.verdicts == {Verdict.OK: 3, Verdict.NG: 4, Verdict.UNSURE: 0, Verdict.NOT_INSPECTED: 0}
    assert everything.gates[GateOutcome.REJECTED] == 3
    assert everything.gates[GateOutcome.PASSED] == 3
    assert reader.counts(lot="B").verdicts[Verdict.NG] == 2
    assert reader.counts(epoch=2).parts == 0
    assert reader.counts(since_wall="2026-01-01T16:59:00").parts == 2
    assert reader.counts(purpose=Purpose.SETUP).parts == 0


@pytest.mark.parametrize("table", ["parts", "gates", "outages", "events"])
def test_the_ledger_is_append_only_even_for_sql(path: Path, ledger: LedgerWriter, table: str) -> None:
    ledger.commit(
        [
            trigger(1, 1),
            record(1, 1),
            gate(1, 1),
            OutageRecord(epoch=1, from_ns=1, to_ns=2, why="x", wall="w"),
            EventRecord(epoch=1, at_ns=1, wall="w", kind="k", by="b", detail="d"),
        ]
    )
    ledger.close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"DELETE FROM {table}")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"UPDATE {table} SET row = row + 1")
    connection.close()


def test_retention_counts_working_time_and_not_the_wall_clock(path: Path) -> None:
    clock = ManualClock(now_ns=0)
    ledger = open_ledger(path, clock)
    begin(ledger, now_ns=0)
    for n, wall in ((1, "2099-01-01T00:00"), (2, "1999-01-01T00:00"), (3, "2026-01-01T00:00")):
        ledger.commit([trigger(1, n, at_ns=n * 100 * SECOND, wall=wall), record(1, n), gate(1, n)])
    ledger.commit([Alive(at_ns=400 * SECOND)])
    clock.sleep(400)
    ledger.close()
    # a new boot: its clock is smaller, the parts are not younger for it
    clock = ManualClock(now_ns=50 * SECOND)
    ledger = open_ledger(path, clock)
    begin(ledger, boot="boot-b", now_ns=50 * SECOND)
    reader = LedgerReader(path)
    assert reader.row_of_age(0) == 4
    clock.sleep(50)  # working time is now 450 s
    ledger.commit([Alive(at_ns=100 * SECOND)])
    assert reader.row_of_age(300 * SECOND) == 2
    assert ledger.prune(keep_ns=300 * SECOND, max_parts=None) == 1
    assert [part.row for part in reader.parts_after(0)] == [2, 3]
    assert ledger.prune(keep_ns=300 * SECOND, max_parts=None) == 0
    assert ledger.prune(keep_ns=None, max_parts=1, limit=5) == 1
    assert [part.row for part in reader.parts_after(0)] == [3]
    assert [stored.gate.part.n for stored in reader.gates_after(0)] == [3]
    assert reader.counts().parts == 3  # what was counted stays counted
    assert ledger.prune(keep_ns=0, max_parts=None) > 0
    ledger.commit([trigger(2, 1), record(2, 1)])
    assert reader.last_row() == 4  # row ids are never used twice
    reader.close()
    ledger.close()


def test_pruning_goes_in_bounded_steps(ledger: LedgerWriter, reader: LedgerReader) -> None:
    for n in range(1, 26):
        ledger.commit([trigger(1, n), record(1, n), gate(1, n)])
    assert [ledger.prune(keep_ns=None, max_parts=5, limit=8) for _ in range(4)] == [8, 8, 4, 0]
    assert [part.row for part in reader.parts_after(0)] == [21, 22, 23, 24, 25]


def test_one_writer_and_only_its_own_station(path: Path, ledger: LedgerWriter) -> None:
    with pytest.raises(AlreadyRunning):
        open_ledger(path)
    ledger.close()
    with pytest.raises(StoreError, match="ledger of station s1"):
        open_ledger(path, station="s2")
    begin(reopened := open_ledger(path))
    reopened.close()
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert integrity_problems(path, LEDGER) == []


def test_a_reader_survives_the_writers_restart(path: Path, reader: LedgerReader, ledger: LedgerWriter) -> None:
    ledger.commit([trigger(1, 1), record(1, 1)])
    assert reader.last_row() == 1
    ledger.close()
    assert reader.last_row() == 1
    again = open_ledger(path)
    assert begin(again) == 2
    again.commit([trigger(2, 1), record(2, 1)])
    assert reader.last_row() == 2
    again.close()


def test_a_row_of_another_making_is_an_error_and_not_a_guess(path: Path, ledger: LedgerWriter) -> None:
    ledger.commit([trigger(1, 1), record(1, 1)])
    ledger.close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER parts_no_update")
    connection.execute("UPDATE parts SET detail = x'92c0'")
    connection.commit()
    connection.close()
    reader = LedgerReader(path)
    with pytest.raises(StoreError, match="row 1 of the ledger cannot be read"):
        reader.parts()
    reader.close()


def test_the_reserve_is_there_from_the_start_and_room_is_left(ledger: LedgerWriter, path: Path) -> None:
    reserve = ledger.reserve()
    assert reserve.topped_up
    assert reserve.free_bytes >= reserve.target_bytes == MIB
    assert path.stat().st_blocks * 512 >= MIB  # given by the disk, not a hole
    assert path.with_name("ledger.db-wal").stat().st_blocks * 512 >= 8 * MIB
    assert ledger.room_left()
    assert ledger.top_up()
    ledger.close()
    assert path.with_name("ledger.db-wal").stat().st_blocks * 512 >= 8 * MIB  # for a start on a full disk
    assert path.with_name("ledger.db-shm").exists()
