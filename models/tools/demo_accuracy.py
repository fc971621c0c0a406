"""How well the shipped recipe judges the virtual line's parts, without processes, in any order of speed:
`python -m models.tools.demo_accuracy --product biscuit --parts 3000 --seed 1 [--json]`.

The parts are those of `edge demo` with that seed, judged by the real pipeline.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.apps.demo.scene.spec import DEFECTS, PRODUCTS, SEVERITIES, PartSpec
from edge.apps.demo.station import demo_models
from edge.apps.demo.world import Conditions
from edge.clock import MS, SystemClock
from edge.domain import recipe as recipes
from edge.domain.part import PartId
from edge.domain.result import Result
from edge.domain.verdict import Verdict
from edge.errors import EXIT_NO, EXIT_OK, EdgeError, ModelError
from edge.inference.loading import ModelShelf, load_recipe
from edge.inference.pipeline import RecipeRunner
from edge.settings.station import Inference
from edge.store.packages import Package, open_package
from models.tools.demo_parts import pictures

MAX_FALSE_REJECTS = 0.01
MAX_MEDIUM_ESCAPES = 0.03


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of the parts. escaped, defective: by (kind, severity)."""

    verdicts: Counter[str] = field(default_factory=Counter)
    good: int = 0
    false_rejects: Counter[str] = field(default_factory=Counter)
    defective: Counter[tuple[str, str]] = field(default_factory=Counter)
    escaped: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    judged_ms: list[float] = field(default_factory=list)

    def add(self, spec: PartSpec, result: Result, spent_ms: float) -> None:
        self.verdicts[result.verdict.value] += 1
        self.judged_ms.append(spent_ms)
        if result.verdict is Verdict.NOT_INSPECTED:
            self.reasons.update(reason.code.value for reason in result.reasons)
        if spec.defect is None:
            self.good += 1
            if result.verdict is not Verdict.OK:
                self.false_rejects[result.verdict.value] += 1
            return
        key = (spec.defect.kind, spec.defect.severity)
        self.defective[key] += 1
        if result.verdict is Verdict.OK:
            self.escaped[key] += 1

    def of(self, severity: str) -> tuple[int, int]:
        """(escaped, defective)"""
        return (
            sum(count for key, count in self.escaped.items() if key[1] == severity),
            sum(count for key, count in self.defective.items() if key[1] == severity),
        )

    @property
    def good_enough(self) -> bool:
        """The bars of the demo."""
        medium, of_medium = self.of("medium")
        return (
            self.verdicts[Verdict.NOT_INSPECTED.value] == 0
            and self.false_rejects.total() <= MAX_FALSE_REJECTS * self.good
            and self.of("gross")[0] == 0
            and medium <= MAX_MEDIUM_ESCAPES * of_medium
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.tools.demo_accuracy", description=__doc__)
    parser.add_argument("--product", choices=PRODUCTS, default="biscuit")
    parser.add_argument("--parts", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, default=None, help="a folder like models/demo")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    chosen = parser.parse_args(arguments)
    try:
        runner = load_runner(chosen.models or demo_models(), chosen.product)
        tally = judge(runner, chosen.product, chosen.parts, chosen.seed)
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    report = summary(chosen.product, chosen.seed, tally)
    print(json.dumps(report) if chosen.json else _lines(report))
    return EXIT_OK if tally.good_enough else EXIT_NO


def load_runner(models: Path, product: str) -> RecipeRunner:
    """The shipped recipe with its model, golden parts checked. ModelError or RecipeError when they do not fit."""
    recipe = recipes.load((models / product / "recipe.json").read_bytes())

    def find(reference: str) -> Package:
        package = open_package(models / product / "package")
        if package.manifest.reference != reference:
            raise ModelError(f"{models / product} holds {package.manifest.reference}, the recipe wants {reference}")
        return package

    shelf = ModelShelf(find, Inference(threads=1), SystemClock())
    return next(iter(load_recipe(recipe, shelf).runners.values()))


def judge(runner: RecipeRunner, product: str, parts: int, seed: int) -> Tally:
    tally = Tally()
    for spec, result, spent_ms in judged(runner, product, parts, seed):
        tally.add(spec, result, spent_ms)
    return tally


def judged(runner: RecipeRunner, product: str, parts: int, seed: int) -> Iterator[tuple[PartSpec, Result, float]]:
    """Each part, its result, and how long judging took in ms."""
    clock = SystemClock()
    rate = Conditions(product=product, seed=seed, rate_per_min=300.0).defect_rate
    for spec, picture in pictures(product, seed, parts, rate):
        began_ns = clock.now_ns()
        result = runner.judge(picture, part=PartId(station="demo", epoch=1, n=spec.n), identity=(1, spec.n))
        yield spec, result, (clock.now_ns() - began_ns) / MS


def summary(product: str, seed: int, tally: Tally) -> dict[str, Any]:
    kinds = {
        kind: {grade: [tally.escaped[kind, grade], tally.defective[kind, grade]] for grade in SEVERITIES}
        for kind in DEFECTS[product]
    }
    return {
        "product": product,
        "seed": seed,
        "parts": tally.verdicts.total(),
        "verdicts": {verdict.value: tally.verdicts[verdict.value] for verdict in Verdict},
        "good": tally.good,
        "false_rejects": tally.false_rejects.total(),
        "false_rejects_unsure": tally.false_rejects[Verdict.UNSURE.value],
        "escapes": {grade: list(tally.of(grade)) for grade in SEVERITIES},
        "escapes_by_kind": kinds,
        "not_inspected": dict(tally.reasons),
        "judged_ms": {
            "p50": round(float(np.percentile(tally.judged_ms, 50)), 2),
            "p99": round(float(np.percentile(tally.judged_ms, 99)), 2),
        },
        "good_enough": tally.good_enough,
    }


def _lines(report: dict[str, Any]) -> str:
    rejects = f"{report['false_rejects']} of {report['good']} good ({report['false_rejects_unsure']} UNSURE)"
    rows = [
        f"{report['product']}, seed {report['seed']}: {report['parts']} parts, {report['verdicts']}",
        f"false rejects {rejects}; NOT_INSPECTED {report['not_inspected'] or 'none'}",
        f"judged in {report['judged_ms']['p50']} ms (p50), {report['judged_ms']['p99']} ms (p99)",
        "escapes       " + "".join(f"{grade:>12}" for grade in SEVERITIES),
    ]
    for kind, grades in {**report["escapes_by_kind"], "all": report["escapes"]}.items():
        rows.append(f"  {kind:12}" + "".join(f"{f'{grades[g][0]}/{grades[g][1]}':>12}" for g in SEVERITIES))
    return "\n".join([*rows, "the demo's bars are " + ("met" if report["good_enough"] else "NOT met")])


if __name__ == "__main__":
    raise SystemExit(main())
