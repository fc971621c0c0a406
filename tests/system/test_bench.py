"""`edge bench --quick`: every figure is measured on real processes and makes sense; how good they are is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
MACHINE = {
    "processor", "cores", "architecture", "memory_mb", "kernel", "python", "onnxruntime", "opencv", "numpy", "pyzmq",
    "load",
}  # fmt: skip


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=140, check=False)


def figures(*groups: str) -> dict[str, dict[str, float]]:
    words = [word for group in groups for word in ("--only", group)]
    done = bench("--quick", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    assert list(found) == [*groups, "rounds", "taken", "machine"]
    assert set(found["machine"]) == MACHINE
    return found


def test_the_chain_its_latency_and_its_start() -> None:
    found = figures("pipeline", "latency", "start")
    assert set(found["pipeline"]) == {"light_ratio", "heavy_ratio", "over_usual"}
    assert set(found["latency"]) == {"p50_over_bare", "p99_over_bare"}
    assert set(found["start"]) == {"first_verdict_s"}
    assert all(0.05 < value < 20 for value in found["pipeline"].values()), found
    assert 0.1 < found["latency"]["p50_over_bare"] <= found["latency"]["p99_over_bare"]
    assert 0.3 < found["start"]["first_verdict_s"] < 60


def test_the_demo_under_load_and_its_memory() -> None:
    found = figures("line", "memory")
    assert set(found["line"]) == {"commit_p99_ms", "gate_jitter_p999_ms"}
    assert all(value > 0 for value in found["line"].values())
    memory = found["memory"]
    assert set(memory) == {f"{name}_mb" for name in ("total", "line", "capture", "inference", "recorder", "panel")}
    assert all(5 < value < 2000 for value in memory.values())
    assert memory["total_mb"] == pytest.approx(sum(memory.values()) - memory["total_mb"], abs=1)


def test_teaching() -> None:
    found = figures("teach")
    # Memory is measured by teaching 150 pictures, which a quick look does without.
    assert set(found["teach"]) == {"teach_50_s", "graph_over_backbone", "coreset_ms_per_pick"}
    assert 0.2 < found["teach"]["teach_50_s"] < 120
    assert 0.8 < found["teach"]["graph_over_backbone"] < 10
    assert 0.01 < found["teach"]["coreset_ms_per_pick"] < 200
    assert all(50 < mb < 2000 for mb in found["taken"]["teach"]["teach_50_mb"])


def test_a_person_sees_the_bars_and_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.cli", "bench", "--quick", "--only", "transport"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "transport.vga.ring_p50_ms" in done.stdout
    assert "cores" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_wrong_wishes_are_refused_with_a_hint() -> None:
    for words in (("--only", "everything"), ("--rounds", "0")):
        done = bench(*words)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
