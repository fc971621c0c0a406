"""Promises 4 and 6: whatever was acknowledged is there after SIGKILL, and the database is sound."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from edge.domain.part import PartId
from edge.domain.verdict import Verdict
from edge.store.database import integrity_problems
from edge.store.ledger_reader import LedgerReader
from edge.store.ledger_schema import LEDGER

ROUNDS = 20
_CHILD = """
import sys
from pathlib import Path
from edge.clock import SystemClock
from edge.store.ledger import LedgerWriter
from tests.unit.store.ledger_values import STATION, gate, record, trigger
ledger = LedgerWriter.open(Path(sys.argv[1]), station=STATION, reserve_bytes=1 << 20, clock=SystemClock())
epoch = ledger.begin_epoch(boot_id="b", now_ns=1, wall="w").epoch
n = 0
while True:
    n += 1
    ledger.commit([trigger(epoch, n)])
    [(part, row)] = ledger.commit([record(epoch, n)]).items()
    print(part, row, flush=True)
    ledger.commit([gate(epoch, n)])
"""


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "ledger.db"
    chance = random.Random(7)
    acknowledged: dict[PartId, int] = {}
    reader: LedgerReader | None = None  # one reader through all the restarts
    for _ in range(ROUNDS):
        acknowledged |= _killed_run(path, root, chance.uniform(0.0, 0.08))
        reader = reader or LedgerReader(path)
        rows = _rows(reader)
        assert all(rows.get(part) == row for part, row in acknowledged.items())
    assert reader is not None
    assert len(acknowledged) > ROUNDS
    assert [row.closed for row in reader.epochs()] == [False] * ROUNDS
    assert reader.open_parts() <= 1
    lost = reader.counts().verdicts[Verdict.NOT_INSPECTED]
    assert lost < ROUNDS  # at most the one in flight, each time
    reader.close()
    assert integrity_problems(path, LEDGER) == []


def _killed_run(path: Path, root: Path, seconds: float) -> dict[PartId, int]:
    """Run the child, kill it `seconds` after its first word; what it had acknowledged."""
    command = [sys.executable, "-c", _CHILD, str(path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline()]
        time.sleep(seconds)
        child.kill()
        said += child.stdout.readlines()
    whole = [line.split() for line in said if line.endswith("\n")]
    return {PartId.parse(part): int(row) for part, row in whole}


def _rows(reader: LedgerReader) -> dict[PartId, int]:
    found: dict[PartId, int] = {}
    last = 0
    while parts := reader.parts_after(last, 1000):
        found |= {part.record.part: part.row for part in parts}
        last = parts[-1].row
    return found
