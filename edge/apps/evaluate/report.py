"""An evaluation as one plain object for programs, and as lines and notes for people."""

from __future__ import annotations

from typing import Any

from edge import __version__
from edge.apps.evaluate.subject import Subject
from edge.apps.evaluate.words import EvaluateWords
from edge.domain.verdict import ReasonCode
from edge.learning.evaluate import Evaluation
from edge.learning.figures import Figures, KindFigures, MaskCount, Seen, Share
from edge.learning.metrics import CONFIDENCE

_SHOWN_NAMES = 5


def as_object(source: str, subject: Subject, found: Evaluation) -> dict[str, Any]:
    """The object of --json. A figure that the pictures cannot tell is None."""
    figures, latency = found.figures, found.figures.latency_ms
    apart = figures.not_inspected
    return {
        "format": 1,
        "edge": __version__,
        "model": subject.name,
        "source": source,
        "whole_frame": subject.view is None,
        "threads": subject.threads,
        "limits": {one.name: {"unsure_from": one.unsure_from, "ng_from": one.ng_from} for one in subject.checks},
        "image_auroc": _rounded(figures.image_auroc),
        "image_auroc_ci": _limits(figures.image_auroc_ci),
        "average_precision": _rounded(figures.average_precision),
        "au_pro": _rounded(figures.au_pro),
        "au_pro_ci": _limits(figures.au_pro_ci),
        "pixel_auroc": _rounded(figures.pixel_auroc),
        "false_reject_rate": _rounded(figures.false_rejects.value),
        "false_reject_interval": _interval(figures.false_rejects),
        "escape_rate": _rounded(figures.escapes.value),
        "escape_interval": _interval(figures.escapes),
        "confidence": CONFIDENCE,
        "per_defect": {kind: _kind(one) for kind, one in figures.per_defect.items()},
        "latency_ms": {"p50": latency.p50, "p99": latency.p99},
        "n": {"good": figures.good, "defect": figures.defect},
        "not_inspected": {"good": apart.good, "defect": apart.defect, "reasons": apart.reasons},
        "masks": _masks(figures.masks),
        "unreadable": list(found.unreadable),
        "passed_over": found.passed_over,
        "taught_with": _taught_with(found),
        "escapes": [one.picture.name for one in found.escapes()],
        "false_rejects": [one.picture.name for one in found.false_rejects()],
        "pictures": [_picture(one) for one in found.seen],
    }


def lines(subject: Subject, found: Evaluation, words: EvaluateWords) -> list[str]:
    """What a person reads on the terminal."""
    figures, latency = found.figures, found.figures.latency_ms
    told = [
        words(
            "{name}: {good} good and {defect} defective parts",
            name=subject.name,
            good=figures.good,
            defect=figures.defect,
        ),
        f"{words('Escapes'):20} {share(figures.escapes, words)}",
        f"{words('False rejects'):20} {share(figures.false_rejects, words)}",
    ]
    quality = {
        words("Image AUROC"): (figures.image_auroc, figures.image_auroc_ci),
        words("Average precision"): (figures.average_precision, None),
        "AU-PRO": (figures.au_pro, figures.au_pro_ci),
        words("Pixel AUROC"): (figures.pixel_auroc, None),
    }
    told += [
        f"{name:20} {value:.4f}{f' ({between(limits, words)})' if limits else ''}"
        for name, (value, limits) in quality.items()
        if value is not None
    ]
    told += [f"  {kind:18} {share(one.escaped, words)}" for kind, one in figures.per_defect.items()]
    if latency.p50 is not None:
        told.append(f"{words('Latency'):20} p50 {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms")
    return told + notes(found, words)


def notes(found: Evaluation, words: EvaluateWords) -> list[str]:
    """Whatever is not in the figures, in words."""
    figures, masks = found.figures, found.figures.masks
    told = _too_kind(found, words) + _absent(figures, words)
    counts = {
        "Masks that are all black, not used: {count}.": masks.black,
        "Pictures without a map, in no pixel figure: {count}.": masks.mapless,
        "Files passed over, because they are no pictures or lie in no kind's folder: {count}.": found.passed_over,
    }
    if masks.used:
        counts["Defective pictures without a mask, not in AU-PRO and pixel AUROC: {count}."] = masks.missing
    told += [words(text, count=count) for text, count in counts.items() if count]
    apart = figures.not_inspected
    if apart.good + apart.defect:
        text = "Parts that were not inspected and are in neither rate: {count} ({reasons})."
        reasons = ", ".join(f"{words.code(ReasonCode(code))} ({n})" for code, n in apart.reasons.items())
        told.append(words(text, count=apart.good + apart.defect, reasons=reasons))
    named = {
        "Pictures that cannot be read and are in no figure: {count} ({names}).": found.unreadable,
        "Masks that cannot be read: {count} (of {names}).": masks.unreadable,
        "Masks of another size than their pictures, not used: {count} (of {names}).": masks.other_size,
    }
    return told + [words(text, count=len(all_), names=some(all_)) for text, all_ in named.items() if all_]


def some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")


def share(of: Share, words: EvaluateWords) -> str:
    """`6.3 % (2 of 32; ...)`, see `counted`; `-` when there is none."""
    if of.value is None:
        return "-"
    return f"{percent(of.value)} ({counted(of, words)})"


def counted(of: Share, words: EvaluateWords) -> str:
    """`2 of 32; with 95 % confidence between 0.8 % and 20.8 %`; `-` when there is none."""
    if of.interval is None:
        return "-"
    low, high = (percent(limit) for limit in of.interval)
    sure = words("with 95 % confidence between {low} and {high}", low=low, high=high)
    return f"{words('{count} of {of}', count=of.count, of=of.of)}; {sure}"


def between(limits: tuple[float, float], words: EvaluateWords) -> str:
    """`with 95 % confidence between 0.9012 and 0.9876`"""
    low, high = (f"{limit:.4f}" for limit in limits)
    return words("with 95 % confidence between {low} and {high}", low=low, high=high)


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _too_kind(found: Evaluation, words: EvaluateWords) -> list[str]:
    if not found.taught_with:
        return []
    text = (
        "The detector was made from {count} of these {of} pictures ({names}): the figures are too kind. Move them away."
    )
    total = len(found.seen) + len(found.unreadable)
    return [words(text, count=len(found.taught_with), of=total, names=some(found.taught_with))]


def _absent(figures: Figures, words: EvaluateWords) -> list[str]:
    told = []
    if not figures.good:
        told.append(words("There are no good parts: false rejects and AUROC cannot be told."))
    if not figures.defect:
        told.append(words("There are no defective parts: escapes and AUROC cannot be told."))
    elif figures.au_pro is None:
        told.append(words("There are no masks: AU-PRO and pixel AUROC cannot be told."))
    return told


def _kind(figures: KindFigures) -> dict[str, Any]:
    return {
        "n": figures.n,
        "verdicts": figures.verdicts,
        "escape_rate": _rounded(figures.escaped.value),
        "escape_interval": _interval(figures.escaped),
        "image_auroc": _rounded(figures.auroc),
    }


def _taught_with(found: Evaluation) -> dict[str, Any] | None:
    names = found.taught_with
    return None if names is None else {"count": len(names), "names": list(names)}


def _masks(masks: MaskCount) -> dict[str, Any]:
    return {
        "used": masks.used,
        "missing": masks.missing,
        "black": masks.black,
        "unreadable": list(masks.unreadable),
        "other_size": list(masks.other_size),
        "no_map": masks.mapless,
        "regions": masks.regions,
    }


def _picture(one: Seen) -> dict[str, Any]:
    result = one.result
    return {
        "name": one.picture.name,
        "kind": one.picture.kind,
        "verdict": one.verdict.value,
        "excess": _rounded(one.excess),
        "scores": {score.check: _rounded(score.score) for score in result.scores},
        "reasons": [reason.code.value for reason in result.reasons],
        "total_ms": result.timings.total_us / 1000 if result.timings else None,
    }


def _interval(of: Share) -> list[float] | None:
    return _limits(of.interval)


def _limits(limits: tuple[float, float] | None) -> list[float] | None:
    return None if limits is None else [round(limit, 6) for limit in limits]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
