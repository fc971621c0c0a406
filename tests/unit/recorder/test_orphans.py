"""Files that no row knows are found after a start, removed and counted; nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.verdict import Verdict
from edge.recorder.imagefile import ImageFolder
from edge.recorder.orphans import STEP, OrphanSweep
from edge.store.evidence import EvidenceStore
from tests.unit.recorder.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    it = Bench(tmp_path)
    yield it
    it.close()


def test_a_kill_between_the_row_and_its_file_is_made_good_at_the_next_start(bench: Bench) -> None:
    for slot in range(3):
        bench.judge(Verdict.NG, bench.expose(slot))
    bench.run()
    bench.recorder.close()
    store = EvidenceStore(bench.data / "evidence.db")
    store.forget(store.oldest(2, ok=False))  # and then it was killed
    store.close()
    stray = bench.data / "images/2026-01-01/L1/notes.txt"
    stray.write_text("somebody's own")
    assert len(bench.files()) == 3
    bench.recorder = bench.start()
    bench.run()
    assert len(bench.files()) == len(bench.files(".json")) == bench.reader().total_images() == 1
    assert bench.recorder.counters()["orphans"] == 2
    assert stray.exists()


def test_a_picture_whose_row_was_lost_is_found_again_and_no_orphan(bench: Bench) -> None:
    rows = [bench.judge(Verdict.NG, bench.expose(slot)) for slot in range(2)]
    bench.run()
    bench.recorder.close()
    for path in bench.data.glob("evidence.db*"):
        path.unlink()
    for slot in range(2):
        bench.expose(slot)
    bench.recorder = bench.start()
    bench.run()
    assert all(len(bench.reader().images_of(row)) == 1 for row in rows)
    assert bench.recorder.counters()["orphans"] == 0


def test_an_overlay_without_its_picture_goes_too_and_empty_folders_with_it(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images")
    folder.prepare()
    folder.write("2026-01-01/L1/s1-1-1-top.jpg", b"x", b"{}")
    (tmp_path / "images/2026-01-01/L1/s1-1-1-top.jpg").unlink()
    (tmp_path / "images/2026-01-01/a file").write_text("where a folder belongs")
    store = EvidenceStore(tmp_path / "evidence.db")
    sweep = OrphanSweep(folder)
    assert sweep.step(store) == 1
    assert sweep.step(store) == 0
    assert sweep.removed == 1
    assert not (tmp_path / "images/2026-01-01/L1").exists()
    store.close()


def test_it_goes_in_steps(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images")
    folder.prepare()
    for n in range(STEP):
        folder.write(f"2026-01-01/L1/s1-1-{n}-top.jpg", b"x", b"{}")
    store = EvidenceStore(tmp_path / "evidence.db")
    sweep = OrphanSweep(folder)
    assert [sweep.step(store) for _ in range(3)] == [STEP, STEP, 0]
    assert sweep.removed == STEP
    assert list(folder.pictures()) == []
    store.close()
