"""The figures for people: each beside its bar, and whether it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

_LARGEST = "hq"  # the size that transport's bars are for


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """limit: the most it may be, or the least when `at_least`."""

    limit: float
    at_least: bool = False

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    value: float
    bar: Bar | None = None


BARS = {
    "transport.hq.ring / memcpy": Bar(limit=0.15),
    "transport.hq.copy / memcpy": Bar(limit=1.4),
    "transport.hq.copy / imagezmq": Bar(limit=1 / 8),
    "pipeline.light_ratio": Bar(limit=0.90, at_least=True),
    "pipeline.heavy_ratio": Bar(limit=0.97, at_least=True),
    "pipeline.over_usual": Bar(limit=2.0, at_least=True),
    "latency.p50_over_bare": Bar(limit=1.5),
    "latency.p99_over_bare": Bar(limit=2.2),
    "line.gate_jitter_p999_ms": Bar(limit=5.0),
    "memory.total_mb": Bar(limit=450.0),
    "teach.teach_50_s": Bar(limit=3.0),
    "teach.graph_over_backbone": Bar(limit=1.3),
    "teach.teach_150_mb": Bar(limit=600.0),
}


def rows(figures: Mapping[str, Any]) -> list[Row]:
    """Of the result of `bench.run`: every figure, and the ratios that transport's bars are about."""
    found = list(_transport(figures.get("transport", {})))
    for group in ("pipeline", "latency", "line", "memory", "start", "teach"):
        for key, value in figures.get(group, {}).items():
            name = f"{group}.{key}"
            found.append(Row(name=name, value=value, bar=BARS.get(name)))
    return found


def show(figures: Mapping[str, Any], console: Console) -> None:
    table = Table("figure", "value", "bar", "")
    for row in rows(figures):
        words = "" if row.bar is None else ("reached" if row.bar.reached(row.value) else "MISSED")
        table.add_row(row.name, f"{row.value:g}", str(row.bar or ""), words)
    console.print(table)
    about = figures["machine"]
    console.print(
        f"{about['processor']}, {about['cores']} cores, {about['memory_mb']} MB, Linux {about['kernel']}, "
        f"Python {about['python']}, onnxruntime {about['onnxruntime']}, OpenCV {about['opencv']}; "
        f"load before {about['load']}, rounds {figures['rounds']}"
    )


def _transport(sizes: Mapping[str, Mapping[str, float | None]]) -> Iterator[Row]:
    for size, times in sizes.items():
        for key, value in times.items():
            if value is not None:
                yield Row(name=f"transport.{size}.{key}", value=value)
    largest = sizes.get(_LARGEST, {})
    for one, other in (("ring", "memcpy"), ("copy", "memcpy"), ("copy", "imagezmq")):
        above, below = largest.get(f"{one}_p50_ms"), largest.get(f"{other}_p50_ms")
        if above is not None and below:
            name = f"transport.{_LARGEST}.{one} / {other}"
            yield Row(name=name, value=round(above / below, 4), bar=BARS[name])
