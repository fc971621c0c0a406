"""The comparison with anomalib: what it says where anomalib is missing, and what it makes of the seconds of both."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from edge.errors import ServiceError
from models.tools import compare_anomalib
from models.tools.compare_anomalib import Turn
from tests.unit.learning import made


def test_without_anomalib_it_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as missing:
        compare_anomalib.require_anomalib(Path(sys.executable))
    assert f"pip install anomalib=={compare_anomalib.RUN_WITH}" in str(missing.value)
    with pytest.raises(ServiceError, match="cannot be started"):
        compare_anomalib.require_anomalib(tmp_path / "no-python")


def test_the_ratio_is_of_turns_and_not_of_medians() -> None:
    edge = [Turn(seconds=2.0, cpu_s=4.0), Turn(seconds=4.0, cpu_s=4.0), Turn(seconds=2.0, cpu_s=4.0)]
    theirs = [Turn(seconds=30.0, cpu_s=40.0), Turn(seconds=44.0, cpu_s=48.0), Turn(seconds=90.0, cpu_s=44.0)]
    found = compare_anomalib.report(50, 2, edge, theirs, untrained=True)
    assert found["edge_s"] == 2.0
    assert found["anomalib_s"] == 44.0
    assert found["anomalib_over_edge"] == 15.0  # of 15, 11 and 45
    assert found["spread"] == [11.0, 45.0]
    assert found["cpu"] == {"edge_s": 4.0, "anomalib_s": 44.0, "anomalib_over_edge": 11.0}
    words = "\n".join(compare_anomalib.lines(found))
    assert "50 pictures, 2 threads, 3 rounds" in words
    assert "15.0 times as fast (11.0 to 45.0)" in words
    assert "11.0 times less" in words
    assert "untrained" in words
    assert "untrained" not in "\n".join(
        compare_anomalib.lines(compare_anomalib.report(50, 2, edge, theirs, untrained=False))
    )


def test_both_sides_take_turns_in_processes_of_their_own(tmp_path: Path) -> None:
    """A Python stands in for anomalib's: it says what `fit_anomalib` would. `edge teach` is the real one."""
    python = tmp_path / "python"
    told = '{"seconds": 123.0, "cpu_s": 200.0, "entries": 9, "anomalib": "0"}'
    python.write_text(f"#!/bin/sh\necho a library prints\n[ -f \"$1\" ] || exit 0\necho '{told}'\n")
    python.chmod(0o755)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), made.good(number))
    compare_anomalib.require_anomalib(python)
    found = compare_anomalib.compare(tmp_path, python, 1, 1, untrained=True)
    assert found["rounds"]["anomalib_s"] == [123.0]
    assert found["pictures"] == 3
    assert 0 < found["edge_s"] < 123
    assert found["cpu"]["anomalib_s"] == 200.0
    assert 0 < found["cpu"]["edge_s"] < 200


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--threads", "0"]])
def test_wrong_wishes_are_refused(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        compare_anomalib.main([str(tmp_path), *words])
    assert refused.value.code == 2
