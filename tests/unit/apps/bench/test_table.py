"""What a person reads of the figures: each bar on its right side."""

from __future__ import annotations

import io

import pytest
import typer.main
from rich.console import Console

from edge.apps import commands
from edge.apps.bench.about import machine
from edge.apps.bench.bench import GROUPS, BenchOptions
from edge.apps.bench.table import BARS, Bar, rows, show
from edge.errors import UsageError

FIGURES = {
    "transport": {
        "hq": {"ring_p50_ms": 0.3, "copy_p50_ms": 3.6, "memcpy_p50_ms": 3.0, "imagezmq_p50_ms": 40.0},
        "vga": {"ring_p50_ms": 0.1, "imagezmq_p50_ms": None},
    },
    "pipeline": {"light_ratio": 0.91, "heavy_ratio": 0.96, "over_usual": 2.5},
    "latency": {"p50_over_bare": 1.2, "p99_over_bare": 2.3},
    "line": {"commit_p99_ms": 9.0, "gate_jitter_p999_ms": 1.0},
    "memory": {"total_mb": 300.0, "line_mb": 30.0},
    "start": {"first_verdict_s": 3.0},
    "teach": {"teach_50_s": 2.5, "graph_over_backbone": 1.31, "coreset_ms_per_pick": 1.1, "teach_150_mb": 590.0},
    "rounds": 5,
    "machine": machine(),
}  # fmt: skip


def test_a_bar_holds_from_its_own_side() -> None:
    assert Bar(limit=0.9, at_least=True).reached(0.9)
    assert not Bar(limit=0.9, at_least=True).reached(0.899)
    assert Bar(limit=1.5).reached(1.5)
    assert not Bar(limit=1.5).reached(1.501)


def test_every_bar_finds_its_figure() -> None:
    found = {row.name: row for row in rows(FIGURES)}
    assert set(BARS) <= set(found)
    missed = {name for name in BARS if not BARS[name].reached(found[name].value)}
    assert missed == {"pipeline.heavy_ratio", "latency.p99_over_bare", "teach.graph_over_backbone"}
    assert found["transport.hq.ring / memcpy"].value == pytest.approx(0.1)
    assert "transport.vga.imagezmq_p50_ms" not in found


def test_the_table_says_what_is_missed_and_where_it_was_measured() -> None:
    out = io.StringIO()
    show(FIGURES, Console(file=out, width=120))
    lines = out.getvalue().splitlines()
    assert next(line for line in lines if "heavy_ratio" in line).count("MISSED") == 1
    assert next(line for line in lines if "light_ratio" in line).count("reached") == 1
    assert "onnxruntime" in out.getvalue()


def test_the_help_names_every_group() -> None:
    command = getattr(typer.main.get_command(commands._typer), "commands", {})["bench"]
    told = next(option.help for option in command.params if option.name == "only")
    assert all(group in told for group in GROUPS)


def test_a_group_of_the_bench_alone() -> None:
    assert BenchOptions().groups == GROUPS
    assert BenchOptions(only=("teach", "start", "line")).groups == ("line", "start", "teach")
    for wrong in ({"only": ("all",)}, {"rounds": 0}):
        with pytest.raises(UsageError):
            BenchOptions(**wrong)  # type: ignore[arg-type]
