"""`[camera.barrier]` is the barrier's settings, field by field."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import ValidationError

from edge.domain.barrier import BarrierSettings
from edge.settings.station import BarrierTable


def test_fields_and_defaults_are_the_barriers() -> None:
    assert list(BarrierTable.model_fields) == [field.name for field in dataclasses.fields(BarrierSettings)]
    assert BarrierTable().settings() == BarrierSettings()


def test_what_is_written_arrives() -> None:
    written: dict[str, Any] = {
        "axis": "y", "direction": "-", "line": 0.4, "along": (0.1, 0.9), "across": (0.2, 0.8), "part_length_px": 80.0,
        "background": "level", "background_bgr": (9, 8, 7), "threshold": 40, "coast_ms": 90.0,
    }  # fmt: skip
    assert BarrierTable(**written).settings() == BarrierSettings(**written)


@pytest.mark.parametrize(
    "wrong",
    [
        {"line": 0.0},
        {"along": [0.6, 0.9]},
        {"along": [0.9, 0.1]},
        {"min_length_px": 0},
        {"max_length_px": 1, "min_length_px": 2},
        {"background": "level"},
        {"threshold": 0},
        {"line": float("nan")},
        {"teach_frames": 1000},
        {"colour": "red"},
    ],
)
def test_what_cannot_work_is_refused_with_the_station_file(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BarrierTable(**wrong)
