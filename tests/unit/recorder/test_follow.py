"""From the ledger and the ring to images on disk, through restarts, full disks and broken databases."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.recorder.evidence import wanted
from edge.recorder.follow import Follower
from edge.recorder.imagefile import ImageFolder
from edge.recorder.rings import Rings
from edge.store.evidence import EvidenceStore
from edge.store.ledger_reader import LedgerReader
from tests.unit.recorder.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**settings: Any) -> Bench:
        made.append(Bench(tmp_path, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_rejected_part_keeps_its_picture_and_overlay_and_frees_its_slot(bench: Callable[..., Bench]) -> None:
    it = bench()
    frame = it.expose(3)
    row = it.judge(Verdict.NG, frame)
    it.run()
    (image,) = it.reader().images_of(row)
    picture = cv2.imread(str(it.data / "images" / image.path))
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    assert abs(int(picture.mean()) - 43) <= 1
    overlay = json.loads((it.data / "images" / image.path).with_suffix(".json").read_text())
    assert overlay["verdict"] == "NG"
    assert overlay["result"]["boxes"][0]["width"] == 3
    assert [(lease.slot, lease.generation, lease.state) for lease in it.leases] == [(3, frame.generation, "done")]
    assert image.path.startswith("2026-01-01/L1/s1-")


def test_every_part_of_set_up_keeps_its_picture_as_the_camera_gave_it(bench: Callable[..., Bench]) -> None:
    it = bench(ok_every=0)
    rows = [it.judge(Verdict.NOT_INSPECTED, it.expose(slot), Purpose.SETUP) for slot in range(6)]
    it.run()
    for slot, row in enumerate(rows):
        (image,) = it.reader().images_of(row)
        picture = cv2.imread(str(it.data / "images" / image.path))
        assert image.path.endswith(".png")
        assert picture is not None
        assert (picture == 40 + slot).all()
    assert [(lease.slot, lease.state) for lease in it.leases] == [(slot, "done") for slot in range(6)]
    assert it.recorder.orphans.removed == 0


def test_ok_parts_are_sampled_and_all_released(bench: Callable[..., Bench]) -> None:
    it = bench(ok_every=3)
    rows = [it.judge(Verdict.OK, it.expose(slot)) for slot in range(3)]
    it.run()
    it.restart()  # which must not begin to count anew
    rows += [it.judge(Verdict.OK, it.expose(slot)) for slot in range(3, 6)]
    it.run()
    assert [len(it.reader().images_of(row)) for row in rows] == [wanted(Verdict.OK, row, 3) for row in rows]
    assert it.reader().total_images() == 2
    assert len(it.leases) == 6
    assert it.reader().missed_counts() == {}


def test_every_part_of_a_challenge_keeps_its_picture(bench: Callable[..., Bench]) -> None:
    """Most of all the one that was called good: people will ask how it looked."""
    it = bench(ok_every=0)
    rows = [
        it.judge(verdict, it.expose(slot), Purpose.CHALLENGE) for slot, verdict in enumerate((Verdict.OK, Verdict.NG))
    ]
    it.run()
    assert [len(it.reader().images_of(row)) for row in rows] == [1, 1]


def test_an_overwritten_frame_is_recorded_as_missed(bench: Callable[..., Bench]) -> None:
    it = bench()
    row = it.judge(Verdict.NG, it.expose(0))
    it.expose(0)
    it.run()
    assert [miss.why for miss in it.reader().missed_of(row)] == ["overwritten"]
    assert it.files() == []


def test_a_ring_that_is_gone_is_recorded_as_missed(bench: Callable[..., Bench]) -> None:
    it = bench()
    it.judge(Verdict.UNSURE, it.expose(0))
    it.ring.close()
    it.run()
    assert it.reader().missed_counts() == {"ring_gone": 1}


def test_a_restart_goes_on_without_doubles(bench: Callable[..., Bench]) -> None:
    it = bench()
    it.judge(Verdict.NG, it.expose(0))
    it.run()
    it.restart()
    second = it.judge(Verdict.NG, it.expose(1))
    it.run()
    assert it.reader().total_images() == 2
    assert it.reader().position() == second
    assert it.recorder.follower.stored == 1


def test_a_picture_whose_row_was_lost_in_a_crash_is_found_again(bench: Callable[..., Bench]) -> None:
    it = bench()
    row = it.judge(Verdict.NG, it.expose(0))
    it.run()
    it.recorder.close()
    for path in it.data.glob("evidence.db*"):
        path.unlink()
    it.expose(0)
    it.restart()
    it.run()
    (image,) = it.reader().images_of(row)
    assert (image.width, image.height) == (64, 48)
    assert it.reader().missed_counts() == {}


def test_a_full_disk_costs_images_and_nothing_else(bench: Callable[..., Bench]) -> None:
    it = bench(min_free_mb=10_000_000)
    it.judge(Verdict.NG, it.expose(0))
    it.run()
    assert it.files() == []
    assert it.reader().missed_counts() == {"disk_full": 1}
    assert len(it.leases) == 1
    assert [alarm.code for alarm in it.recorder.alarms()] == ["disk_low"]


def test_a_long_backlog_gives_up_ok_samples_first(bench: Callable[..., Bench]) -> None:
    it = bench(slots=40)
    for slot in range(20):
        it.judge(Verdict.OK if slot % 2 else Verdict.NG, it.expose(slot))
    it.run()
    shed = it.recorder.counters()["shed_backlog"]
    assert 0 < shed < 10
    assert it.reader().total_images() == 20 - shed
    assert len(it.leases) == 20


def test_a_broken_evidence_database_does_not_hold_frames(bench: Callable[..., Bench]) -> None:
    it = bench()
    broken = it.data / "evidence.db"
    broken.write_bytes(b"this is no database" * 400)
    row = it.judge(Verdict.NG, it.expose(0))
    it.run()
    assert len(it.leases) == 1
    assert "evidence_unavailable" in [alarm.code for alarm in it.recorder.alarms()]
    broken.unlink()
    it.clock.sleep(60)
    later = it.judge(Verdict.NG, it.expose(1))
    it.run()
    assert it.recorder.alarms() == ()
    assert [miss.why for miss in it.reader().missed_of(row)] == ["store_down"]
    assert len(it.reader().images_of(later)) == 1


def test_an_image_folder_that_cannot_be_written_is_an_alarm(bench: Callable[..., Bench]) -> None:
    it = bench()
    it.run()
    (it.data / "images" / "2026-01-01").write_text("a file where a folder belongs")
    it.judge(Verdict.NG, it.expose(0))
    it.run()
    assert it.reader().missed_counts() == {"unwritable": 1}
    assert [alarm.code for alarm in it.recorder.alarms()] == ["images_unwritable"]
    assert len(it.leases) == 1


def test_the_budget_is_held_and_the_picture_goes_with_its_row(bench: Callable[..., Bench]) -> None:
    it = bench(budget_mb=1)
    it.recorder.turn()
    store, _ = it.recorder.evidence.get()
    assert store is not None
    row = it.judge(Verdict.NG, it.expose(0))
    it.run()
    (image,) = store.images_of(row)
    store.record(position=row, images=[replace(image, bytes=1 << 20)])
    later = it.judge(Verdict.NG, it.expose(1))
    it.clock.sleep(2)
    it.run()
    assert store.images_of(row) == []
    assert len(store.images_of(later)) == 1
    assert store.total_bytes() <= 1 << 20
    assert len(it.files()) == len(it.files(".json")) == 1


class _FullFolder(ImageFolder):
    def write(self, path: str, jpeg: bytes, overlay: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", path)


def test_a_disk_that_fills_while_writing_is_counted_and_the_position_moves_on(bench: Callable[..., Bench]) -> None:
    it = bench()
    row = it.judge(Verdict.NG, it.expose(0))
    ledger, store = LedgerReader(it.data / "ledger.db"), EvidenceStore(it.data / "evidence.db")
    rings = Rings(it.station.shm_dir, it.station.name)
    folder = _FullFolder(it.data / "images")
    follower = Follower(it.station.recorder, folder, rings, lambda camera, lease: it.leases.append(lease), it.clock)
    assert follower.step(ledger, store) == 1
    assert store.position() == row
    assert [miss.why for miss in store.missed_of(row)] == ["disk_full"]
    assert len(it.leases) == 1
    for each in (ledger, store, rings):
        each.close()
