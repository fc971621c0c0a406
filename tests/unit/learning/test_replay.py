"""Replay: every known part is judged again, what changes is told, and a lost defect is never silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.clock import ManualClock, SystemClock
from edge.domain.geometry import Rect
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.errors import ModelError, StoreError, UsageError
from edge.learning.bank import BankFit, Space
from edge.learning.correct import Bounds
from edge.learning.labelled import find_pictures
from edge.learning.memory_file import TaughtMemory
from edge.learning.replay import (
    Case,
    Judge,
    Said,
    golden_cases,
    labelled_cases,
    part_examiner,
    proposed_limits,
    replay,
)
from edge.learning.stored import stored_parts
from edge.learning.veto import none_yet
from edge.settings.station import Camera, Station
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from edge.store.station import StationStore
from tests.unit.inference import made
from tests.unit.inference.made import Pixels
from tests.unit.store.ledger_values import STATION, part_id, record, trigger

OK, NG, UNSURE = Verdict.OK, Verdict.NG, Verdict.UNSURE


class Fixed:
    """Says the same of a part every time."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self._verdicts = verdicts

    def say(self, case: Case, picture: Pixels) -> Said:
        return Said(verdict=self._verdicts[int(case.name)], score=1.0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), made.level(50))
    return path


def cases(picture: Path, *labels: bool | None) -> list[Case]:
    return [Case(name=str(number), path=picture, defect=defect) for number, defect in enumerate(labels)]


def test_what_changes_and_what_is_lost(picture: Path) -> None:
    known = cases(picture, True, True, True, False, False, None)
    found = replay(known, Fixed([NG, UNSURE, OK, OK, NG, OK]), Fixed([OK, OK, OK, UNSURE, OK, NG]))
    assert found.lost == ("0", "1")  # the third escaped before
    assert found.stopped == ("3",)
    assert found.passed == 1
    assert [(one.case.name, one.was and one.was.verdict, one.now.verdict) for one in found.changes] == [
        ("0", NG, OK), ("1", UNSURE, OK), ("3", OK, UNSURE), ("4", NG, OK), ("5", OK, NG)
    ]  # fmt: skip
    assert found.verdicts == {"OK": 4, "NG": 1, "UNSURE": 1, "NOT_INSPECTED": 0}
    assert (found.seen, found.complete) == (6, True)


def test_a_defect_that_was_asked_for_must_be_stopped(picture: Path) -> None:
    asked = [replace(one, asked=True) for one in cases(picture, True, False)]
    found = replay(asked, Fixed([OK, NG]), Fixed([OK, NG]))
    assert (found.lost, found.stopped) == (("0",), ("1",))


def test_without_another_version_labels_and_records_are_compared_with(picture: Path) -> None:
    known = [*cases(picture, True, False, None), Case(name="3", path=picture, defect=None, was=NG)]
    found = replay(known, None, Fixed([OK, OK, NG, OK]))
    assert found.lost == ("0",)
    assert [one.case.name for one in found.changes] == ["0", "3"]


def test_what_cannot_be_read_is_told(picture: Path, tmp_path: Path) -> None:
    known = [*cases(picture, True), Case(name="gone", path=tmp_path / "gone.jpg", defect=None)]
    known.append(Case(name="damaged", path=tmp_path / "gone.jpg", defect=True))
    found = replay(known, None, Fixed([NG]))
    assert (found.seen, found.unreadable, found.unproven) == (1, ("gone", "damaged"), ("damaged",))


def test_limits_are_proposed_from_labelled_good_parts_alone(picture: Path) -> None:
    fit = BankFit(
        space=Space(taps=(), map_size=(1, 1)), entries=np.zeros((1, 1), np.float32), usual=np.ones(1, np.float32)
    )
    scores = tuple(1 + number / 100 for number in range(60))
    memory = TaughtMemory(
        backbone="", backbone_sha256="", fit=fit, part=None, vetoes=none_yet(fit), scores=scores, rate=0.02
    )
    now = Bounds(unsure_from=1.2, ng_from=1.4)
    known = [*cases(picture, *[False] * 40), Case(name="40", path=picture, defect=True, cut=True)]
    found = replay(known, None, Fixed([OK] * 41))
    proposal = proposed_limits(memory, now, replace(found, scores=tuple((case, 1.3) for case in known)))
    assert proposal is not None
    assert proposal.limits.unsure_from < 1.3  # the defect is caught now, and stays so
    assert proposal.held_by == ("40",)
    corrected = replace(found, scores=tuple((replace(case, cut=True), 1.3) for case in known))
    assert proposed_limits(memory, now, corrected) is None


def test_it_can_be_ended(picture: Path) -> None:
    told: list[tuple[int, int]] = []

    def go_on(done: int, total: int) -> bool:
        told.append((done, total))
        return done < 1

    assert not replay(cases(picture, None, None, None), None, Fixed([OK] * 3), go_on).complete
    assert told == [(0, 3), (1, 3)]


def test_the_parts_of_a_package_are_judged_by_the_limits_in_use(tmp_path: Path) -> None:
    package = made.package(tmp_path, golden=made.GOLDEN)
    for bounds, verdict in (
        (Bounds(unsure_from=60.0, ng_from=70.0), OK), (Bounds(unsure_from=10.0, ng_from=20.0), NG)
    ):  # fmt: skip
        judge = Judge(part_examiner(package, bounds, SystemClock()), None)
        found = replay(golden_cases(package), None, judge)
        assert found.verdicts[verdict.value] == found.seen == 1
    with pytest.raises(ModelError, match="nothing judges 0"):
        judge.say(Case(name="0", path=tmp_path, defect=None), made.level(50))


def test_a_labelled_folder(tmp_path: Path) -> None:
    for name in ("good/1.png", "crack/2.png"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), made.level(50))
    assert [(one.name, one.defect) for one in labelled_cases(find_pictures(tmp_path))] == [
        ("good/1.png", False), ("crack/2.png", True)
    ]  # fmt: skip


@pytest.fixture
def station(tmp_path: Path) -> Station:
    camera = Camera(name="top", kind="folder", source=str(tmp_path), width=64, height=64, rate_fps=10.0)
    return Station(name=STATION, data_dir=tmp_path / "data", run_dir=tmp_path / "run", camera=(camera,))


@pytest.fixture
def ledger(station: Station) -> Iterator[LedgerWriter]:
    """Three parts of production and one challenge part."""
    station.data_dir.mkdir()
    writer = LedgerWriter.open(
        station.data_dir / "ledger.db", station=STATION, reserve_bytes=1 << 20, clock=ManualClock()
    )
    writer.begin_epoch(boot_id="b", now_ns=1000, wall="2026-01-01T09:00:00+00:00")
    verdicts = (OK, NG, OK, NG)
    for n, verdict in enumerate(verdicts, 1):
        purpose = Purpose.CHALLENGE if n == 4 else Purpose.PRODUCTION
        writer.commit([trigger(1, n, purpose=purpose), record(1, n, verdict)])
    yield writer
    writer.close()


def image(row: int, path: str, view: str = "top") -> Image:
    return Image(
        part=part_id(1, row), row=row, view=view, kind="frame", path=path, bytes=1, width=64, height=64, verdict=OK,
        created_wall="2026-01-01T10:00:00+00:00", created_ns=row,
    )  # fmt: skip


def store(station: Station, *images: Image, ledger: str = "") -> None:
    evidence = EvidenceStore(station.data_dir / "evidence.db")
    evidence.follow(ledger)
    evidence.record(position=4, images=images)
    evidence.close()


def test_the_last_parts_of_a_station(station: Station, ledger: LedgerWriter) -> None:
    store(station, image(1, "1.jpg"), image(2, "2.jpg"), image(2, "2-side.jpg", "side"), image(4, "4.jpg"))
    found = stored_parts(station, "top", 10)
    assert (found.looked_at, found.unkept) == (3, 1)
    folder = station.data_dir / "images"
    assert found.cases == (
        Case(name=str(part_id(1, 2)), path=folder / "2.jpg", defect=None, was=NG),
        Case(name=str(part_id(1, 1)), path=folder / "1.jpg", defect=None, was=OK),
    )
    newest = stored_parts(station, "top", 1)
    assert [one.path.name for one in newest.cases] == ["2.jpg"]
    assert (newest.looked_at, newest.unkept) == (2, 1)
    with pytest.raises(UsageError, match="0 stored parts"):
        stored_parts(station, "top", 0)


def test_what_people_said_is_the_answer_however_old_the_part(station: Station, ledger: LedgerWriter) -> None:
    store(station, image(1, "1.jpg"), image(2, "2.jpg"), image(3, "3.jpg"), image(4, "4.jpg"))
    place = Rect(x=1, y=2, width=3, height=4)
    labels = StationStore(station.data_dir / "station.db", clock=ManualClock())
    labels.add_label(part_id(1, 1), 1, NG, by="Lan", place=place, view="side")  # seen by another camera only
    labels.add_label(part_id(1, 2), 2, NG, by="Lan")
    labels.add_label(part_id(1, 2), 2, OK, by="Minh")  # the last one holds
    labels.add_label(part_id(1, 4), 4, NG, by="Lan", place=place, view="top")  # a challenge part
    labels.add_label(part_id(1, 9), 3, NG, by="Lan")  # of a ledger before this one
    labels.close()
    found = stored_parts(station, "top", 1, "biscuit")
    assert {one.name: one.defect for one in found.cases} == {
        str(part_id(1, 3)): None, str(part_id(1, 2)): False, str(part_id(1, 4)): True,
    }  # fmt: skip
    assert (found.looked_at, found.unkept, found.labelled) == (1, 0, 2)
    assert stored_parts(station, "top", 10, "carton").labelled == 0


def test_a_picture_is_never_read_from_elsewhere(station: Station, ledger: LedgerWriter, tmp_path: Path) -> None:
    images = station.data_dir / "images"
    images.mkdir()
    (images / "out").symlink_to(tmp_path)
    store(station, image(1, "out/part.png"))
    with pytest.raises(StoreError, match="lies outside the images' folder"):
        stored_parts(station, "top", 10)


def test_the_evidence_of_another_ledger_is_refused(station: Station, ledger: LedgerWriter) -> None:
    store(station, image(1, "1.jpg"), ledger="another")
    with pytest.raises(StoreError, match="of another ledger"):
        stored_parts(station, "top", 10)
