"""Counts and times of the service, for its status: nothing is dropped without being counted here."""

from __future__ import annotations

from collections import Counter, deque

from edge.domain.result import Result
from edge.domain.verdict import ReasonCode, Verdict

_WINDOW = 512  # parts that percentiles look back on


_COUNTS = ("judged", "late", "missing", "overwritten", "model_errors", "bad_frames", "resent")


class Figures:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times_ms: dict[str, deque[float]] = {
            name: deque(maxlen=_WINDOW) for name in ("waited", "prepare", "model", "total")
        }

    def count(self, name: str, by: int = 1) -> None:
        self._counts[name] += by

    def judged(self, result: Result) -> None:
        self._counts["judged"] += 1
        self._counts[f"verdict_{result.verdict.value.lower()}"] += 1
        codes = {reason.code for reason in result.reasons}
        self._counts["overwritten"] += ReasonCode.OVERWRITTEN in codes
        self._counts["model_errors"] += ReasonCode.MODEL_ERROR in codes
        self._counts["bad_frames"] += ReasonCode.BAD_FRAME in codes
        times = result.timings
        if times is not None and result.verdict is not Verdict.NOT_INSPECTED:
            for name, value in (("waited", times.waited_us), ("prepare", times.prepare_us)):
                self._times_ms[name].append(value / 1000)
            for name, value in (("model", times.model_us), ("total", times.total_us)):
                self._times_ms[name].append(value / 1000)

    def as_counters(self) -> dict[str, float]:
        verdicts = (f"verdict_{verdict.value.lower()}" for verdict in Verdict)
        counters: dict[str, float] = {name: float(self._counts[name]) for name in (*_COUNTS, *verdicts)}
        for name, window in self._times_ms.items():
            values = sorted(window)
            counters[f"{name}_ms_p50"] = percentile(values, 0.5)
            counters[f"{name}_ms_p99"] = percentile(values, 0.99)
        return counters


def percentile(ordered: list[float], share: float) -> float:
    """Nearest rank; 0.0 of nothing."""
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
