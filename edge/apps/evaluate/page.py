"""The report as one HTML file that needs nothing else: pictures inside, no script, nothing from any host."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment

from edge.apps.evaluate.report import between, counted, notes, percent
from edge.apps.evaluate.subject import Subject
from edge.apps.evaluate.template import TEMPLATE
from edge.apps.evaluate.words import EvaluateWords
from edge.domain.verdict import Verdict
from edge.learning.evaluate import Evaluation
from edge.learning.figures import Figures, Seen, Share

_BARS = 48
_WIDTH_PX, _HALF_PX = 900, 90
_MOST_SHOWN = 0.98  # of the scores; a few very high ones would squeeze all others into one bar


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Miss:
    """A part that was judged wrongly, and its picture."""

    seen: Seen
    jpeg: bytes

    @property
    def data(self) -> str:
        return base64.b64encode(self.jpeg).decode("ascii")


def render(
    source: str,
    when: str,
    subject: Subject,
    found: Evaluation,
    escapes: Sequence[Miss],
    false_rejects: Sequence[Miss],
    words: EvaluateWords,
) -> str:
    """The whole page. Names of files are anybody's: everything is escaped."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    groups = [
        ("Defective parts judged OK, the lowest score first", escapes, len(found.escapes())),
        ("Good parts judged UNSURE or NG, the highest score first", false_rejects, len(found.false_rejects())),
    ]
    return environment.from_string(TEMPLATE).render(
        w=words,
        name=subject.name,
        source=source,
        when=when,
        whole=subject.view is None,
        figures=found.figures,
        tiles=_tiles(found.figures, subject, words),
        notes=notes(found, words),
        histogram=_histogram(found.seen, subject),
        verdicts=list(Verdict),
        percent=percent,
        interval=_interval,
        misses=groups,
    )


def _tiles(figures: Figures, subject: Subject, words: EvaluateWords) -> list[tuple[str, str, str]]:
    """(name, value, what it means)"""
    latency = figures.latency_ms
    p99 = "-" if latency.p99 is None else f"{latency.p99:.1f}"
    quality = [
        (
            "Image AUROC",
            figures.image_auroc,
            figures.image_auroc_ci,
            "a defective part scores higher than a good one in so many pairs",
        ),
        ("Average precision", figures.average_precision, None, "area under precision over recall"),
        ("AU-PRO", figures.au_pro, figures.au_pro_ci, "share of each defect's area found, up to 30 % false pixels"),
        ("Pixel AUROC", figures.pixel_auroc, None, "the same for single pixels"),
    ]
    text = "p50 per part, p99 {p99} ms, {threads} thread(s); reading the file is not in it"
    return [
        _rate("Escapes", "defective parts judged OK", figures.escapes, words),
        _rate("False rejects", "good parts judged UNSURE or NG", figures.false_rejects, words),
        *(
            (
                name if name == "AU-PRO" else words(name),
                "-" if value is None else f"{value:.4f}",
                words(what) + (f"; {between(limits, words)}" if limits else ""),
            )
            for name, value, limits, what in quality
        ),
        (
            words("Latency"),
            "-" if latency.p50 is None else f"{latency.p50:.1f} ms",
            words(text, p99=p99, threads=subject.threads),
        ),
    ]


def _rate(name: str, what: str, of: Share, words: EvaluateWords) -> tuple[str, str, str]:
    value = "-" if of.value is None else percent(of.value)
    return words(name), value, f"{words(what)}: {counted(of, words)}"


def _interval(of: Share) -> str:
    return "-" if of.interval is None else f"{percent(of.interval[0])} - {percent(of.interval[1])}"


def _histogram(seen: Sequence[Seen], subject: Subject) -> dict[str, Any] | None:
    """Bars of an SVG: good parts up, defective ones down. The score itself where there is one check only."""
    single = len(subject.checks) == 1
    scored = [
        (one.result.scores[0].score if single else one.excess, one.picture.good)
        for one in seen
        if one.excess is not None and math.isfinite(one.excess)
    ]
    values = np.array([value for value, _ in scored], np.float64)
    if not values.size:
        return None
    good = np.array([good for _, good in scored])
    check = subject.checks[0]
    limits = (check.unsure_from, check.ng_from) if single else (0.0, 1.0)
    low = float(min(values.min(), limits[0]))
    high = float(max(np.quantile(values, _MOST_SHOWN), low + 1.1 * (limits[1] - low)))
    edges = np.linspace(low, high if high > low else low + 1.0, _BARS + 1)
    inside = np.clip(values, edges[0], edges[-1])
    counts = [np.histogram(inside[rows], edges)[0] for rows in (good, ~good)]
    most = max(1, int(max(count.max() for count in counts)))
    wide = _WIDTH_PX / _BARS

    def across(value: float) -> float:
        return round((value - edges[0]) / (edges[-1] - edges[0]) * _WIDTH_PX, 1)

    def heights(count: Any) -> list[tuple[float, float]]:
        tall = [max(1.0, round(_HALF_PX * int(n) / most, 1)) if n else 0.0 for n in count]
        return [(round(place * wide, 1), height) for place, height in enumerate(tall) if height]

    return {
        "single": single,
        "width": _WIDTH_PX,
        "half": _HALF_PX,
        "bar": round(wide - 1.5, 1),
        "up": heights(counts[0]),
        "down": heights(counts[1]),
        "limits": [(name, across(value), f"{value:.3g}") for name, value in zip(("UNSURE", "NG"), limits, strict=True)],
        "ends": (f"{edges[0]:.3g}", f"{edges[-1]:.3g}"),
    }
