"""Evidence belongs to one ledger: another one, or an older copy put back, is noticed and never followed by mistake."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.verdict import Verdict
from edge.recorder import allegiance
from edge.store.evidence import EvidenceStore
from edge.store.ledger import LedgerWriter
from edge.store.ledger_reader import LedgerReader
from tests.unit.recorder.bench import Bench
from tests.unit.store import ledger_values


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    it = Bench(tmp_path)
    yield it
    it.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.jpg"))


def replace_ledger(it: Bench, *, started_ns: int) -> None:
    it.ledger.close()
    for path in it.data.glob("ledger.db*"):
        path.unlink()
    it.ledger = open_ledger(it)
    it.epoch = it.ledger.begin_epoch(boot_id="b", now_ns=started_ns, wall="2026-02-01T00:00:00+00:00").epoch
    it._n = 0


def open_ledger(it: Bench) -> LedgerWriter:
    return LedgerWriter.open(
        it.data / "ledger.db", station=ledger_values.STATION, reserve_bytes=1 << 20, clock=it.clock
    )  # fmt: skip


@pytest.mark.parametrize("running", [True, False])
def test_a_new_ledger_gets_new_evidence_and_the_old_is_kept_whole(bench: Bench, running: bool) -> None:
    old = [bench.judge(Verdict.NG, bench.expose(slot)) for slot in (0, 1)]
    bench.run()
    kept = files(bench.data / "images")
    replace_ledger(bench, started_ns=9)
    if not running:
        bench.restart()
    new = bench.judge(Verdict.NG, bench.expose(2))
    assert new in old  # the same row, another part
    for _ in range(5):
        bench.run()
    (image,) = bench.reader().images_of(new)
    assert image.part == ledger_values.part_id(bench.epoch, 1)
    assert bench.reader().total_images() == 1
    aside = bench.data / "evidence-1"
    assert files(aside) == kept
    with sqlite3.connect(aside / "evidence.db") as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (2,)
    connection.close()
    assert len(files(bench.data / "images")) == 1
    (alarm,) = bench.recorder.alarms()
    assert (alarm.code, alarm.detail) == ("evidence_set_aside", "evidence-1")
    bench.restart()
    bench.run()
    assert bench.recorder.alarms() == ()
    assert not (bench.data / "evidence-2").exists()


def test_an_older_copy_of_the_ledger_that_was_put_back_is_noticed(bench: Bench) -> None:
    bench.judge(Verdict.NG, bench.expose(0))
    bench.ledger.close()
    shutil.copy(bench.data / "ledger.db", bench.data / "backup")
    bench.ledger = open_ledger(bench)
    bench.epoch = bench.ledger.begin_epoch(boot_id="b", now_ns=5, wall="w").epoch
    bench.judge(Verdict.NG, bench.expose(1))
    bench.run()
    assert bench.reader().position() == 2
    bench.recorder.close()
    bench.ledger.close()
    for path in bench.data.glob("ledger.db*"):
        path.unlink()
    (bench.data / "backup").rename(bench.data / "ledger.db")
    bench.ledger = open_ledger(bench)
    bench.recorder = bench.start()
    for _ in range(5):
        bench.run()
    assert bench.reader().position() == 1
    assert len(files(bench.data / "evidence-1")) == 2


def test_a_ledger_that_goes_on_in_a_new_epoch_is_the_same(bench: Bench) -> None:
    bench.judge(Verdict.NG, bench.expose(0))
    bench.run()
    bench.ledger.close()
    bench.ledger = open_ledger(bench)
    bench.epoch = bench.ledger.begin_epoch(boot_id="other", now_ns=77, wall="w").epoch
    bench.restart()
    bench.judge(Verdict.NG, bench.expose(1))
    bench.run()
    assert bench.reader().total_images() == 2
    assert not (bench.data / "evidence-1").exists()


def test_evidence_of_an_older_release_is_taken_over(bench: Bench) -> None:
    row = bench.judge(Verdict.NG, bench.expose(0))
    bench.run()
    bench.recorder.close()
    store = EvidenceStore(bench.data / "evidence.db")
    store.follow("")
    store.close()
    bench.recorder = bench.start()
    bench.run()
    ledger = LedgerReader(bench.data / "ledger.db")
    assert bench.reader().ledger() == ledger.identity() != ""
    assert (bench.reader().position(), ledger.highest_row()) == (row, row)
    ledger.close()


def test_pictures_that_cannot_be_moved_leave_everything_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "evidence.db").write_bytes(b"x")
    with pytest.raises(OSError):
        allegiance.set_aside(tmp_path, tmp_path)  # as a mount would, a folder that holds the target refuses to move
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.db"]
