"""`edge teach --live` on the virtual line with every real service: nothing passes while parts are collected, or all do
and their lot is on hold; and the line goes on as it was, also when the teaching is called off."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.apps.demo.demo import account, frames_of, watch
from edge.apps.demo.plant import Feed, Plant
from edge.apps.demo.station import make_demo_station
from edge.clock import SECOND, SystemClock
from edge.domain.ledger import StoredPart
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.errors import EXIT_ERROR, EXIT_OK
from edge.learning.backbone import FAST
from edge.learning.teach_record import teach_record
from edge.service import Stop
from edge.store.evidence import EvidenceReader
from edge.store.ledger_reader import LedgerReader, PartFilter
from edge.store.packages import open_package

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
RATE_PER_MIN = 150
COUNT = 6
AT_GATE = {ReasonCode.SETUP: {GateOutcome.REJECTED, GateOutcome.CONFIRMED}, ReasonCode.BYPASS: {GateOutcome.PASSED}}


class Site:
    """The running line, and what its books say."""

    def __init__(self, folder: Path, station: str) -> None:
        made = make_demo_station(folder, rate_per_min=RATE_PER_MIN, name=station)
        self.file, self.clock, self.stop = made.file, SystemClock(), Stop()
        feed = Feed(product="biscuit", seed=5, rate_per_min=RATE_PER_MIN)
        self.plant = Plant(made.file, feed, self.clock, self.stop, headless=True)
        self.plant.start()
        self.plant.begin(made.recipe.name, made.recipe.version, "lot-1")
        self.ledger = LedgerReader(self.plant.ledger_path)

    def teach(self, out: Path, what: str, count: int) -> subprocess.Popen[str]:
        words = ["teach", "--live", "--station", str(self.file), "--name", "biscuit", "--while", what]
        words += ["--count", str(count), "--by", "Lan", "--reason", "a new mould", "--out", str(out), "--json"]
        words += ["--progress", "--backbone", FAST, "--size", "96"]
        command = [sys.executable, "-m", "edge.cli", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended(self, job: subprocess.Popen[str]) -> tuple[int, str, str]:
        self.until(lambda: job.poll() is not None, "the end of teaching", 120)
        out, err = job.communicate(timeout=10)
        return job.returncode, out, err

    def until(self, reached: Callable[[], bool], what: str, seconds: float = 60) -> None:
        end_ns = self.clock.now_ns() + round(seconds * SECOND)
        while not reached():
            assert self.clock.now_ns() < end_ns, f"{what} never came"
            self.plant.turn()

    def parts(self, purpose: Purpose) -> list[StoredPart]:
        return self.ledger.parts(PartFilter(purpose=purpose), 1000)

    def judges(self) -> bool:
        """The newest part was inspected, and is at the gate or past it."""
        newest = self.ledger.parts(limit=1)
        return bool(newest) and newest[0].record.verdict is Verdict.OK

    def as_before(self) -> bool:
        state = self.plant.state()
        assert state is not None
        return (state.mode, state.purpose) == (Mode.RUN, Purpose.PRODUCTION)

    def close(self) -> None:
        self.ledger.close()
        self.plant.close()


@pytest.fixture
def site(tmp_path: Path, station: str) -> Iterator[Site]:
    made = Site(tmp_path / "site", station)
    yield made
    made.close()


def check_collected(site: Site, code: ReasonCode) -> None:
    """Every part that was collected, whether its picture was used or not: photographed, not inspected, and at the gate
    what was chosen. The last ones may not be past the gate yet."""
    parts = [part for part in site.parts(Purpose.SETUP) if part.record.reasons[0].code is code]
    assert len(parts) >= COUNT
    assert {part.record.verdict for part in parts} == {Verdict.NOT_INSPECTED}
    assert {tuple(reason.code for reason in part.record.reasons) for part in parts} == {(code,)}
    assert {part.gate.outcome for part in parts if part.gate is not None} <= AT_GATE[code]
    pictured = [part for part in parts if part.record.results and part.record.results[0].frame is not None]
    assert len(pictured) >= COUNT


def check_taught(site: Site, out: Path, told: str) -> None:
    """The recorder's lossless pictures, byte for byte, beside the model."""
    report = json.loads(told)
    assert (report["pictures"], report["lossy"]) == (COUNT, 0)
    record = teach_record(open_package(out / "package"))
    assert record is not None
    assert record.choices.camera_settings
    evidence = EvidenceReader(site.plant.station.data_dir / "evidence.db")
    rows = {str(part.record.part): part.row for part in site.parts(Purpose.SETUP)}
    for one in record.pictures:
        (image,) = evidence.images_of(rows[one.part])
        kept = (site.plant.station.data_dir / "images" / image.path).read_bytes()
        assert (out / "pictures" / one.file).read_bytes() == kept
        pixels = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert (one.lossy, one.ending, pixels.shape) == (False, ".png", (600, 800, 3))
    evidence.close()


def test_collecting_rejects_all_or_holds_the_lot_and_the_line_goes_on_as_it_was(site: Site, tmp_path: Path) -> None:
    site.until(site.judges, "the first good part")
    for what, reason in (("reject", ReasonCode.SETUP), ("hold", ReasonCode.BYPASS)):
        code, out, err = site.ended(site.teach(tmp_path / what, what, COUNT))
        assert code == EXIT_OK, err
        assert '{"step": "collecting", "done": 0, "of": 6}' in err
        assert site.as_before()
        check_taught(site, tmp_path / what, out)
        check_collected(site, reason)
        memory = site.ledger.memory()
        assert memory is not None
        assert memory.lot_on_hold is (what == "hold")
        site.until(site.judges, "a part that is inspected again")

    job = site.teach(tmp_path / "never", "reject", 500)
    site.until(lambda: not site.as_before(), "the collecting")
    job.send_signal(signal.SIGTERM)
    code, out, err = site.ended(job)
    assert (code, out) == (EXIT_ERROR, "")
    assert "interrupted" in err
    assert site.as_before()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hold", "reject", "site"]

    site.until(site.judges, "a part that is inspected again")
    site.plant.machine("finish")
    assert watch(site.plant, 10.0, site.clock, site.stop)
    frames, restarts = frames_of(site.plant), site.plant.supervisor.restarts
    check_collected(site, ReasonCode.SETUP)
    check_collected(site, ReasonCode.BYPASS)
    site.plant.close()
    summary = account(site.plant, frames, restarts)
    assert summary.findings == ()
    assert (summary.unaccounted, summary.gate.wrong, restarts) == (0, 0, 0)
