"""Classifiers: `probabilities` (1, classes) to a Prediction: the likeliest class that is not a good one."""

from __future__ import annotations

import numpy as np

from edge.domain.prediction import Prediction
from edge.domain.recipe import Check
from edge.errors import ModelError
from edge.inference.located import Affine
from edge.inference.session import Outputs

_SUM_ERROR = 0.01


class ClassificationDecoder:
    """classes: the model's, in the order of its output. ModelError when they do not fit the check."""

    def __init__(self, check: Check, classes: tuple[str, ...]) -> None:
        unknown = sorted(set(check.ok_labels) - set(classes))
        if unknown:
            raise ModelError(
                f"model {check.model} does not fit check {check.name}: it knows no class {unknown[0]!r}",
                hint=f"its classes: {', '.join(classes[:20])}",
            )
        self._bad = [place for place, name in enumerate(classes) if name not in check.ok_labels]
        if not self._bad:
            raise ModelError(f"check {check.name} calls every class of model {check.model} good")
        self._check, self._classes = check, classes

    def predict(self, outputs: Outputs, matrix: Affine, frame_size: tuple[int, int]) -> Prediction:
        """score: probability of the likeliest class outside ok_labels; label: its name. No boxes."""
        del matrix, frame_size
        shares = outputs[0][0]
        if not np.isfinite(shares).all() or abs(float(shares.sum()) - 1) > _SUM_ERROR or float(shares.min()) < -1e-3:
            raise ModelError(f"check {self._check.name}: the model's probabilities do not add up to 1")
        worst = max(self._bad, key=lambda place: float(shares[place]))
        return Prediction(check=self._check.name, score=float(shares[worst]), label=self._classes[worst])
