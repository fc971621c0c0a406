"""The comparison with anomalib: what it says where anomalib is missing, and what it makes of the seconds of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ServiceError
from models.tools import compare_anomalib


def test_without_anomalib_it_says_how_to_install_it() -> None:
    with pytest.raises(ServiceError) as missing:
        compare_anomalib.require_anomalib(lambda name: None)
    assert f"pip install 'anomalib[cpu]=={compare_anomalib.WRITTEN_AGAINST}'" in str(missing.value)
    compare_anomalib.require_anomalib(lambda name: name)


def test_the_ratio_is_of_turns_and_not_of_medians() -> None:
    found = compare_anomalib.report(50, 2, [2.0, 4.0, 2.0], [30.0, 44.0, 90.0])
    assert found["edge_s"] == 2.0
    assert found["anomalib_s"] == 44.0
    assert found["anomalib_over_edge"] == 15.0  # of 15, 11 and 45
    words = "\n".join(compare_anomalib.lines(found))
    assert "50 pictures, 2 threads, 3 rounds" in words
    assert "15.0 times as fast" in words


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--threads", "0"]])
def test_wrong_wishes_are_refused(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        compare_anomalib.main([str(tmp_path), *words])
    assert refused.value.code == 2
