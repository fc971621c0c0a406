"""Run as a process of its own by test_full_disk: fills a disk under a ledger and says, as JSON, what happened.

`tmpfs`: a private mount (the caller gives a mount namespace) of 40 MiB, filled with a file. `limit`: no file may
grow further (RLIMIT_FSIZE), for machines where nobody may mount.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from edge.clock import SystemClock
from edge.domain.ledger import Alive
from edge.domain.part import PartId
from edge.errors import StoreFull
from edge.store.database import integrity_problems, open_reader
from edge.store.ledger import LedgerWriter
from edge.store.ledger_reader import LedgerReader
from edge.store.ledger_schema import LEDGER
from tests.unit.store.ledger_values import STATION, gate, record, trigger

MIB = 1024 * 1024
RESERVE = 8 * MIB
MOST = 200_000
GROUP = 8


class Disk:
    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind
        if kind == "tmpfs":
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)], check=True)

    def fill(self) -> None:
        if self.kind == "limit":
            size = (self.folder / "ledger.db").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            return
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    continue
            except OSError:
                return

    def free(self) -> None:
        if self.kind == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        else:
            (self.folder / "filler").unlink()


def fill_up(ledger: LedgerWriter, epoch: int, first: int) -> tuple[dict[PartId, int], int]:
    """Commit parts as `line` does until triggers are refused: what was acknowledged, and the first part refused."""
    rows: dict[PartId, int] = {}
    for start in range(first, MOST, GROUP):
        group = range(start, start + GROUP)
        try:
            ledger.commit([*(trigger(epoch, n) for n in group), Alive(at_ns=start)])
        except StoreFull:
            return rows, start
        rows |= ledger.commit([entry for n in group for entry in (record(epoch, n), gate(epoch, n))])
    raise AssertionError("the disk is never full")


def pinned(ledger: LedgerWriter, path: Path, first: int) -> dict[str, int]:
    """A reader that never lets go makes the log grow until the disk has no more; then it does let go."""
    held = open_reader(path, LEDGER)
    held.rows("BEGIN")
    held.rows("SELECT count(*) FROM parts")
    n = first
    try:
        while n < MOST:
            ledger.commit([trigger(1, n), Alive(at_ns=n)])
            n += 1
    except StoreFull:
        held.close()
    recorded = ledger.commit([record(1, m) for m in range(first, n)])
    return {"while_pinned": n - first, "recorded_after": len(recorded), "next": n}


def main(folder: Path, kind: str) -> dict[str, object]:
    disk = Disk(folder, kind)
    path = folder / "ledger.db"

    def opened() -> LedgerWriter:
        return LedgerWriter.open(path, station=STATION, reserve_bytes=RESERVE, clock=SystemClock())

    ledger = opened()
    ledger.begin_epoch(boot_id="b", now_ns=1, wall="w")
    said: dict[str, object] = {"before": ledger.room_left()}
    in_flight = list(range(1, 101))
    ledger.commit([trigger(1, n) for n in in_flight])
    disk.fill()
    pin = pinned(ledger, path, 101)
    said |= pin
    rows, refused = fill_up(ledger, 1, pin["next"])
    said |= {"out_of_reserve": len(rows), "left": ledger.room_left(), "topped_up_full": ledger.top_up()}
    try:
        ledger.commit([trigger(1, refused)])
    except StoreFull as error:
        said["message"], said["hint"] = error.message, error.hint
    # parts accepted before can still be closed, one by one
    for n in in_flight[:50]:
        rows |= ledger.commit([record(1, n), gate(1, n)])
    ledger.close()
    ledger = opened()  # a restart on the full disk closes the others
    start = ledger.begin_epoch(boot_id="b", now_ns=2, wall="w")
    said |= {"closed_by_restart": start.closed_parts, "left_after_restart": ledger.room_left()}
    disk.free()
    said["topped_up_free"] = all(ledger.top_up() for _ in range(20))
    said |= {"reserve_back": ledger.reserve().topped_up, "left_again": ledger.room_left()}
    rows |= ledger.commit([trigger(2, 1), record(2, 1)])
    said["missing"] = missing(path, rows)
    ledger.close()
    said["problems"] = integrity_problems(path, LEDGER)
    return said


def missing(path: Path, rows: dict[PartId, int]) -> int:
    reader = LedgerReader(path)
    found: dict[PartId, int] = {}
    last = 0
    while parts := reader.parts_after(last, 1000):
        found |= {part.record.part: part.row for part in parts}
        last = parts[-1].row
    reader.close()
    return sum(found.get(part) != row for part, row in rows.items())


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
    sys.stdout.flush()
    os._exit(0)  # the mount goes with its namespace
