"""A station in a folder whose line has judged drawn plates and whose recorder has kept their frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from edge.clock import ManualClock
from edge.domain.geometry import Rect
from edge.domain.ledger import TriggerRecord
from edge.domain.recipe import Check, CheckKind, GateTiming, NgRule, Recipe, View
from edge.domain.verdict import Verdict
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from edge.store.station import StationStore
from tests.unit.learning import made
from tests.unit.store import ledger_values

WALL = "2026-01-01T10:00:00+00:00"
REGION = Rect(x=8, y=0, width=144, height=128)


def recipe() -> Recipe:
    check = Check(
        name="old", kind=CheckKind.ANOMALY, model="old@1", model_digest="0" * 64, unsure_from=1.0, ng_from=2.0,
        region=REGION,
    )  # fmt: skip
    view = View(camera="top", locate=made.LOCATE, checks=(check,), not_before_ms=-5.0, not_after_ms=45.0)
    rules = (NgRule(ng=2, of=3),)
    return Recipe(name="plate", version=1, product="plates", views=(view,), gate=GateTiming(travel=432), rules=rules)


class StoredSite:
    """`part` adds one; `label` says what a person says of it. file: of the station."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        (self.data / "images").mkdir(parents=True)
        self.ledger = LedgerWriter.open(
            self.data / "ledger.db", station=ledger_values.STATION, reserve_bytes=1 << 20, clock=ManualClock()
        )
        self.epoch = self.ledger.begin_epoch(boot_id="b", now_ns=1, wall=WALL).epoch
        self.evidence = EvidenceStore(self.data / "evidence.db")
        self.store = StationStore(self.data / "station.db", clock=ManualClock())
        self.recipe = self.store.add_recipe(recipe())
        self._n = 0
        self.file = folder / "station.toml"
        self.file.write_text(
            f'name = "{ledger_values.STATION}"\ndata_dir = "data"\nrun_dir = "run"\n'
            '[[camera]]\nname = "top"\nkind = "virtual"\nwidth = 160\nheight = 128\nrate_fps = 10.0\n'
        )

    def part(
        self, frame: made.Pixels | None, verdict: Verdict = Verdict.OK, *, ending: str = ".jpg", **trigger: Any
    ) -> int:  # fmt: skip
        """Its row. frame: that was kept; None: none was. trigger: what was stamped into it, of TriggerRecord."""
        self._n += 1
        stamped: TriggerRecord = replace(
            ledger_values.trigger(self.epoch, self._n, recipe=self.recipe), **trigger
        )  # fmt: skip
        record = ledger_values.record(self.epoch, self._n, verdict)
        record = replace(record, results=(replace(record.results[0], calibration="top@2"),))
        row = self.ledger.commit([stamped, record])[record.part]
        images = []
        if frame is not None:
            path = f"{self._n}{ending}"
            assert cv2.imwrite(str(self.data / "images" / path), frame)
            images.append(
                Image(
                    part=record.part, row=row, view="top", kind="frame", path=path, bytes=1, width=frame.shape[1],
                    height=frame.shape[0], verdict=verdict, created_wall=WALL, created_ns=row,
                )
            )  # fmt: skip
        self.evidence.record(position=row, images=images)
        return row

    def label(self, row: int, verdict: Verdict) -> None:
        self.store.add_label(ledger_values.part_id(self.epoch, row), row, verdict, by="An")

    def close(self) -> None:
        self.store.close()
        self.evidence.close()
        self.ledger.close()


@contextmanager
def stored_site(folder: Path) -> Iterator[StoredSite]:
    site = StoredSite(folder)
    try:
        yield site
    finally:
        site.close()
