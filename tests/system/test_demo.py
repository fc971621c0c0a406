"""`edge demo` as people run it: every real service, one JSON object, accounts that agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
KEYS = [
    "parts", "verdicts", "truth", "escapes", "false_rejects", "unaccounted", "gate", "outages", "latency_ms",
    "frames", "restarts", "seed",
]  # fmt: skip


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", "demo", "--headless", "--json", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


def test_twenty_seconds_of_biscuits(tmp_path: Path) -> None:
    done = demo("--seconds", "20", "--seed", "1", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert list(summary)[: len(KEYS)] == KEYS
    assert summary["parts"] == 100
    assert sum(summary["verdicts"].values()) == 100
    assert (summary["unaccounted"], summary["gate"]["wrong"], summary["wrong_frames"]) == (0, 0, 0)
    assert summary["verdicts"]["NOT_INSPECTED"] == 0
    assert summary["escapes"]["gross"] == 0
    assert summary["restarts"] == 0
    assert summary["pictures"] > 0


def test_wrong_wishes_are_refused_with_a_hint() -> None:
    for words in (("--rate", "9000"), ("--product", "brick"), ("--seconds", "-1")):
        done = demo(*words)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
