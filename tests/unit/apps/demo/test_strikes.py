"""The plan of the kill programme and its memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge.apps.demo import strikes
from edge.apps.demo.strikes import Progress, Strike
from edge.errors import StoreError, UsageError

NAMES = ("line", "capture-top", "inference", "recorder", "panel")


def planned(seed: int, cycles: int = 3) -> list[Strike]:
    return list(strikes.plan(NAMES, cycles, np.random.default_rng(seed)))


def test_each_process_once_in_each_cycle() -> None:
    plan = planned(1)
    for cycle in range(3):
        assert sorted(strike.process for strike in plan[5 * cycle : 5 * cycle + 5]) == sorted(NAMES)
    assert planned(1) == plan
    assert planned(2) != plan


def test_three_cycles_kill_and_freeze_everything() -> None:
    kinds = Counter((strike.process, strike.kind) for strike in planned(1))
    assert kinds == {(name, kind): count for name in NAMES for kind, count in (("kill", 2), ("freeze", 1))}


def test_progress_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "faults.json"
    progress = strikes.load(path, 7)
    assert (progress.seed, progress.rounds) == (7, 0)
    progress.add(Strike(process="line", wait_s=0.1), 812.34)
    progress.add(Strike(process="line", wait_s=0.1, freeze_s=1.0), 2100.0)
    progress.rounds = 1
    strikes.save(path, progress)
    assert strikes.load(path, 7) == progress
    assert progress.count("line") == 2
    assert progress.struck == {"line": {"kill": 1, "freeze": 1}}
    with pytest.raises(UsageError, match="seed 7"):
        strikes.load(path, 8)
    path.write_text("{}")
    with pytest.raises(StoreError):
        strikes.load(path, 7)


def test_what_counts_as_passed() -> None:
    assert Progress(seed=1, recovery_ms=[900.0] * 100).passed
    assert not Progress(seed=1, recovery_ms=[900.0] * 90 + [5600.0] * 10).passed
    assert not Progress(seed=1, failures=["round 0: part 5: in no record and no outage"]).passed
