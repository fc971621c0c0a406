"""The tool that measures names of defects: it teaches some, names the others, and counts those that are stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import EXIT_USAGE
from edge.learning.kinds import Array, Example, Usual
from models.tools import kinds_accuracy
from models.tools.kinds_accuracy import Defects, tried

USUAL = Usual(taps=(6, 5), mean=np.zeros(11, np.float32), spread=np.ones(11, np.float32))


def defects(spread: float, per_kind: int = 8) -> Defects:
    """Two kinds far apart, and one with a single example. Every second one is stopped."""
    rng = np.random.default_rng(3)
    centres = {kind: rng.standard_normal(22) for kind in ("dent", "stain")}

    def vector(kind: str) -> Array:
        off = centres[kind] + spread * rng.standard_normal(22)
        return (off / np.linalg.norm(off)).astype(np.float32)

    examples = [Example(kind=kind, vector=vector(kind)) for kind in centres for _ in range(per_kind)]
    examples.append(Example(kind="burr", vector=vector("dent")))
    stopped = tuple(row % 2 == 0 for row in range(len(examples)))
    return Defects(examples=tuple(examples), stopped=stopped, normal=USUAL, backbone="ab" * 32, model="plate@1")


def test_clear_kinds_are_named_and_each_try_is_counted() -> None:
    found = tried(defects(0.2), 3, 4)
    assert found["kinds"] == 2
    assert found["all"]["tries"] == 4 * 2 * 5
    assert 0 < found["stopped"]["tries"] < found["all"]["tries"]
    assert found["all"]["accuracy"] == found["all"]["right"] == 1.0
    assert found["all"]["named"] > 0.5
    assert found == tried(defects(0.2), 3, 4)


def test_what_cannot_be_told_apart_is_not_named() -> None:
    found = tried(defects(100.0), 5, 10)
    assert found["all"]["accuracy"] < 0.8
    assert found["all"]["named"] < 0.5


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kinds_accuracy.main([str(tmp_path / "none"), str(tmp_path)]) == EXIT_USAGE
    assert "there is no model" in capsys.readouterr().err
