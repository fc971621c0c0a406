"""A station in a folder: a ledger that is really written, a ring, and a recorder with a clock held by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.bus.ring import RingSpec, RingWriter
from edge.bus.wire import Lease
from edge.clock import ManualClock
from edge.domain.frame import FrameRef
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.recorder.service import Recorder
from edge.settings.station import Station
from edge.store.evidence import EvidenceReader
from edge.store.ledger import LedgerWriter
from tests.unit.store import ledger_values

SHAPE = (48, 64, 3)


class Bench:
    def __init__(self, folder: Path, slots: int = 8, **settings: Any) -> None:
        self.clock = ManualClock()
        for name in ("data", "shm"):
            (folder / name).mkdir(exist_ok=True)
        self.station = Station.model_validate(
            {
                "name": ledger_values.STATION,
                "data_dir": folder / "data",
                "run_dir": folder / "run",
                "shm_dir": folder / "shm",
                "camera": [{"name": "top", "kind": "virtual", "width": 64, "height": 48}],
                "recorder": {"min_free_mb": 0, "ok_every": 1, "ok_lossless": False, **settings},
            }
        )
        self.leases: list[Lease] = []
        self.data = folder / "data"
        self.ledger = LedgerWriter.open(
            self.data / "ledger.db", station=self.station.name, reserve_bytes=1 << 20, clock=self.clock
        )
        self.epoch = self.ledger.begin_epoch(boot_id="b", now_ns=1, wall="2026-01-01T00:00:00+00:00").epoch
        spec = RingSpec(station=self.station.name, camera="top", epoch=1, slots=slots, height=48, width=64, channels=3)
        self.ring = RingWriter.create(self.station.shm_dir, spec)
        self._n = 0
        self._readers: list[EvidenceReader] = []
        self.recorder = self.start()

    def start(self) -> Recorder:
        return Recorder(self.station, lambda camera, lease: self.leases.append(lease), self.clock)

    def restart(self) -> None:
        self.recorder.close()
        self.recorder = self.start()

    def expose(self, slot: int) -> FrameRef:
        self.ring.begin(slot)[:] = 40 + slot
        generation = self.ring.commit(slot, seq=slot + 1, exposed_at_ns=10)
        return FrameRef(
            camera="top", epoch=1, slot=slot, generation=generation, seq=slot + 1, exposed_at_ns=10, error_ns=0
        )

    def judge(self, verdict: Verdict, frame: FrameRef | None, purpose: Purpose = Purpose.PRODUCTION) -> int:
        """A part's row in the ledger."""
        self._n += 1
        record = ledger_values.record(self.epoch, self._n, verdict)
        result = replace(record.results[0], frame=frame)
        record = replace(record, results=(result,))
        trigger = replace(ledger_values.trigger(self.epoch, self._n), purpose=purpose)
        return self.ledger.commit([trigger, record])[record.part]

    def run(self, turns: int = 50) -> None:
        for _ in range(turns):
            if not self.recorder.turn():
                return

    def reader(self) -> EvidenceReader:
        self._readers.append(EvidenceReader(self.data / "evidence.db"))
        return self._readers[-1]

    def files(self, suffix: str = ".jpg") -> list[Path]:
        return sorted((self.data / "images").rglob(f"*{suffix}"))

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self.recorder.close()
        self.ring.close()
        self.ledger.close()
