"""Every process killed and frozen at random moments while the line runs: 15 in all. `make faults` goes on from here."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from edge.apps.demo.faults import RoundOptions, run_round
from edge.apps.demo.strikes import MAX_RECOVERY_MS, Progress
from edge.service import Stop

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
CYCLES = 3


def test_nothing_is_lost_or_doubled_and_the_line_comes_back(tmp_path: Path) -> None:
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}: python -m edge.apps.demo.faults --per-process {CYCLES} --seed {seed} plays it again")
    progress = Progress(seed=seed)
    run_round(RoundOptions(product="biscuit", cycles=CYCLES, seed=seed, number=0), tmp_path, progress, Stop())
    assert progress.failures == []
    assert sorted(progress.struck) == ["capture-top", "inference", "line", "panel", "recorder"]
    for process, kinds in progress.struck.items():
        assert kinds == {"kill": 2, "freeze": 1}, process
    assert max(progress.recovery_ms) < MAX_RECOVERY_MS
    assert progress.parts > 150
