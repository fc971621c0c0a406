"""Golden parts: a model that does not reproduce its known scores never becomes active (promise 9)."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from edge.domain.model import Golden, Manifest, ModelKind
from edge.domain.verdict import Verdict
from edge.errors import ModelError
from edge.inference.rectify import Pixels
from edge.inference.session import Model, Outputs, PackageFiles

MAX_GOLDEN_BYTES = 50_000_000


def verify(model: Model, package: PackageFiles) -> None:
    """Run every golden part. ModelError names the first whose score or label is off."""
    for golden in package.manifest.golden:
        score, label = score_of(model, read_picture(package.folder / golden.file, model.name))
        _compare(package.manifest, golden, score, label)


def score_of(model: Model, picture: Pixels) -> tuple[float, str]:
    """(score, label) of a picture as `Cutter.cut` gives it, (h, w, 3) uint8 BGR.

    Anomaly: the model's score; the verdict by the manifest's limits. Classification: the likeliest class and its
    probability.
    """
    outputs = model.run(model.preprocessor.tensor(picture))
    if model.manifest.kind is ModelKind.CLASSIFICATION:
        return _likeliest(model.manifest, outputs)
    score = float(outputs[0][0])
    return score, verdict_of(model.manifest, score).value


def verdict_of(manifest: Manifest, score: float) -> Verdict:
    """By the limits that the package suggests; a score that is not a number is NG."""
    if score < manifest.unsure_from:
        return Verdict.OK
    return Verdict.UNSURE if score < manifest.ng_from else Verdict.NG


def read_picture(path: Path, model: str) -> Pixels:
    """(h, w, 3) uint8 BGR. ModelError when it is no picture."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_GOLDEN_BYTES else b""
    except OSError as error:
        raise ModelError(f"model {model}: golden part {path.name} cannot be read: {error.strerror}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise ModelError(f"model {model}: golden part {path.name} is not a picture", hint="import the model again")
    return np.asarray(picture, np.uint8)


def _likeliest(manifest: Manifest, outputs: Outputs) -> tuple[float, str]:
    best = int(np.argmax(outputs[0][0]))
    return float(outputs[0][0, best]), manifest.classes[best]


def _compare(manifest: Manifest, golden: Golden, score: float, label: str) -> None:
    allowed = manifest.tolerance * max(1.0, abs(golden.score))
    if not (math.isfinite(score) and abs(score - golden.score) <= allowed):
        raise ModelError(
            f"model {manifest.reference} gives golden part {golden.file} the score {score:.6g}, not {golden.score:.6g}",
            hint="it would judge otherwise than it was validated; import it again or validate it on this device",
        )
    if golden.label and golden.label != label:
        raise ModelError(
            f"model {manifest.reference} calls golden part {golden.file} {label}, not {golden.label}",
            hint="validate the model on this device before it is used",
        )
