"""What was taught as a model package: manifest, graph, golden parts, card; written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge.domain.model import Golden, Manifest, ModelKind
from edge.domain.verdict import Verdict
from edge.inference.golden import verdict_of
from edge.inference.preprocess import feed_for
from edge.inference.rectify import Pixels
from edge.inference.session import OUTPUTS, Graph, SessionOptions
from edge.learning.card import card
from edge.learning.memory_file import TaughtMemory, memory_files
from edge.learning.samples import SampleCutter
from edge.learning.teach import Taught
from edge.learning.teach_record import RECORD, TeachRecord, dump_record
from edge.learning.veto import none_yet
from edge.store.packages import Package, write_package

_GOOD_SHARES = (0.0, 0.45, 0.9)  # of the good parts in the order of their scores
_INT8_TOLERANCE = 0.01  # another processor may round a number the other way
_CLEAR = 0.02  # of a limit: a golden part nearer to it could change its verdict within the tolerance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownDefect:
    """A frame with a defective part, (H, W, 1 or 3) uint8, and what is wrong with it."""

    frame: Pixels
    name: str


def write_taught(
    taught: Taught,
    folder: Path,
    *,
    name: str,
    version: int = 1,
    defects: Sequence[KnownDefect] = (),
    record: TeachRecord | None = None,
    told: Mapping[str, str] | None = None,
) -> Package:
    """Write the package `folder`, which must not be there yet. StoreFull, StoreError or ModelError: nothing is left.

    defects: become golden parts too, if the model calls them NG beyond doubt. record: of the pictures and choices.
    told: more rows of the card.
    """
    bare = _manifest(taught, name, version)
    golden = _golden(taught, bare, defects)
    files: dict[str, bytes | Path] = {one.file: png(picture) for one, picture in golden}
    files |= taught.backbone.papers
    files["model.onnx"] = taught.model
    memory = memory_of(taught)
    files |= memory_files(memory) if memory else {}
    files["CARD.md"] = card(taught, bare, tuple(one for one, _ in golden), told or {}).encode()
    if record is not None:
        files[RECORD] = dump_record(record)
    return write_package(folder, replace(bare, golden=tuple(one for one, _ in golden)), files)


def memory_of(taught: Taught) -> TaughtMemory | None:
    """What a correction starts from; None for detectors that cannot be corrected."""
    learnt = taught.learnt
    if learnt.bank is None:
        return None
    return TaughtMemory(
        backbone=taught.backbone.name,
        backbone_sha256=taught.backbone.digest,
        fit=learnt.bank,
        part=learnt.mask,
        vetoes=none_yet(learnt.bank),
        scores=tuple(round(one.score, 6) for one in taught.scored),
        rate=taught.plan.rate,
        as_taught=(round(taught.limits.unsure_from, 4), round(taught.limits.ng_from, 4)),
        int8=taught.plan.int8,
    )


def png(picture: Pixels) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def _manifest(taught: Taught, name: str, version: int) -> Manifest:
    scores = np.array([one.score for one in taught.scored])
    made = Manifest(
        format=1,
        name=name,
        version=version,
        kind=ModelKind.ANOMALY,
        preprocess=taught.plan.preprocess,
        input=taught.learnt.takes,
        files={"model.onnx": "0" * 64},
        unsure_from=round(taught.limits.unsure_from, 4),
        ng_from=round(taught.limits.ng_from, 4),
        training={
            **taught.learnt.facts,
            "backbone": taught.backbone.name,
            "backbone_sha256": taught.backbone.digest,
            "pictures": len(taught.scored),
            "score_median": round(float(np.median(scores)), 4),
            "score_max": round(float(scores.max()), 4),
            "suspects": len(taught.suspects),
            "rate": round(taught.limits.rate, 6),
        },
    )
    return replace(made, tolerance=_INT8_TOLERANCE) if taught.plan.int8 else made


def _golden(taught: Taught, manifest: Manifest, defects: Sequence[KnownDefect]) -> list[tuple[Golden, Pixels]]:
    """Good parts from the most usual to the oddest that is still OK, then the defects that are surely NG."""
    scored = golden_scorer(taught.model, manifest)
    order = sorted(range(len(taught.scored)), key=lambda row: taught.scored[row].score)
    rows = dict.fromkeys(order[round(share * (len(order) - 1))] for share in _GOOD_SHARES)
    good = [(taught.samples[row].picture, f"golden/good-{n}.png", Verdict.OK) for n, row in enumerate(rows)]
    plan = taught.plan
    cutter = SampleCutter(plan.locate, plan.preprocess, plan.region, cut_out=plan.cut_out)
    bad = [
        (cutter.cut(defect.frame, defect.name).picture, f"golden/ng-{n}-{defect.name}.png", Verdict.NG)
        for n, defect in enumerate(defects)
    ]
    known = [(scored(picture, file), picture, verdict) for picture, file, verdict in good + bad]
    return [(one, picture) for one, picture, verdict in known if one.label == verdict.value and is_clear(one, manifest)]


def golden_scorer(model: bytes, manifest: Manifest) -> Callable[[Pixels, str], Golden]:
    """What an anomaly model that is not written yet says of a picture at its size, (h, w, 3) uint8, and its path."""
    graph = Graph(
        model, f"model {manifest.reference}", OUTPUTS[ModelKind.ANOMALY], SessionOptions(), takes=manifest.input
    )
    feed = feed_for(manifest)

    def scored(picture: Pixels, file: str) -> Golden:
        score = float(graph.run(feed.tensor(picture))[0][0])
        return Golden(file=file, score=score, label=verdict_of(manifest, score).value)

    return scored


def is_clear(golden: Golden, manifest: Manifest) -> bool:
    return all(abs(golden.score - limit) > _CLEAR * limit for limit in (manifest.unsure_from, manifest.ng_from))
