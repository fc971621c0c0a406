"""The bench's transport group measures real frames between real processes, and says when one arrived damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.apps.bench import transport
from edge.apps.bench.carriers import stamp, stamped

pytestmark = pytest.mark.system


def test_every_method_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    plan = transport.Plan(1, tmp_path, lambda size, method: seen.append((size, method)), sizes=("vga",))
    figures = transport.measure(plan)
    assert set(figures) == {"vga"}
    assert set(figures["vga"]) == {f"{method}_p50_ms" for method in transport.METHODS}
    assert all(value is not None and value > 0 for value in figures["vga"].values())
    assert seen == [("vga", method) for method in transport.METHODS]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", [0, 5, 9])
def test_a_frame_that_is_old_in_one_place_is_not_taken_for_good(row: int) -> None:
    frame = np.zeros((10, 4, 3), np.uint8)
    stamp(frame, 7)
    assert stamped(frame, 7)
    frame[row] = 6
    assert not stamped(frame, 7)
