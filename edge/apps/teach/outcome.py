"""What came of teaching: one JSON object, or words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge.apps.teach.known import Known
from edge.apps.teach.writing import Made
from edge.learning.sift import Flag
from edge.learning.threshold import guarantee

_SHOWN_SUSPECTS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """seconds: from the first picture to the written package. step_seconds: of each step."""

    package: Path
    recipe: Path
    pictures: Path
    made: Made
    manifest_limits: tuple[float, float]
    seconds: float
    step_seconds: Mapping[str, float]
    doubts: tuple[Flag, ...]
    known: Known = field(default_factory=Known)

    def report(self) -> dict[str, Any]:
        """The JSON object of `--json`. sha256: by the names of pictures, all that are kept."""
        taught = self.made.taught
        scores = sorted(one.score for one in taught.scored)
        record = self.made.record
        return {
            "package": str(self.package),
            "recipe": str(self.recipe),
            "kept": str(self.pictures),
            "pictures": len(scores),
            "left_out": [one.name for one in record.pictures if one.dropped],
            "lossy": sum(one.lossy for one in record.taught_with),
            "input": [taught.plan.preprocess.width, taught.plan.preprocess.height],
            "backbone": taught.backbone.name,
            "unsure_from": self.manifest_limits[0],
            "ng_from": self.manifest_limits[1],
            "rate": round(taught.limits.rate, 6),
            "good_scores": {"median": round(scores[len(scores) // 2], 4), "max": round(scores[-1], 4)},
            "scores": [
                {"name": one.name, "score": round(one.score, 4), "file": kept.file}
                for one, kept in zip(taught.scored, record.taught_with, strict=True)
            ],
            "guarantee": asdict(guarantee(taught.limits.used, taught.plan.rate)),
            "suspects": list(taught.suspects),
            "doubts": [asdict(flag) for flag in self.doubts],
            **self.known.report(),
            "notes": list(self.made.notes),
            "seconds": round(self.seconds, 2),
            "step_seconds": dict(self.step_seconds),
        }

    def lines(self) -> list[str]:
        """The same in words."""
        taught = self.made.taught
        words = [
            f"taught with {len(taught.scored)} pictures in {self.seconds:.1f} s ({self._steps()})",
            f"limits: UNSURE from {self.manifest_limits[0]:.3f}, NG from {self.manifest_limits[1]:.3f}",
            f"about 1 good part in {round(1 / taught.limits.rate)} will be stopped",
            *self.made.notes,
            *filter(None, [self.known.words(self.manifest_limits[0])]),
        ]
        if taught.plan.cut_out:
            words.append("the pictures have many sizes: each was taken for one part, stretched to the model's input")
        if taught.limits.rate > taught.plan.rate:
            words.append(guarantee(taught.limits.used, taught.plan.rate).words())
        if taught.suspects:
            words.append("look at these pictures: they are unlike the others. Remove defective ones and teach again:")
            words += [f"  {name}" for name in taught.suspects[:_SHOWN_SUSPECTS]]
        others = [flag for flag in self.doubts if flag.name not in taught.suspects]
        if others:
            words.append("and at these, which may teach the wrong thing or nothing:")
            words += [f"  {flag.words()}" for flag in others[:_SHOWN_SUSPECTS]]
        return [*words, f"model:  {self.package}", f"recipe: {self.recipe}", f"kept:   {self.pictures}"]

    def _steps(self) -> str:
        return ", ".join(f"{step} {took:.1f}" for step, took in self.step_seconds.items())
