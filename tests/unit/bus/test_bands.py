"""Large frames are copied in bands by two threads, and end up the same."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge.bus.bands import BandCopier


@pytest.mark.parametrize("shape", [(1, 1, 3), (601, 800, 3), (2001, 1999, 3), (3000, 4001, 1)])
def test_every_pixel_arrives(shape: tuple[int, int, int]) -> None:
    source = np.random.default_rng(3).integers(0, 255, shape, np.uint8)
    target = np.zeros(shape, np.uint8)
    copier = BandCopier(shape)
    for _ in range(2):
        target[:] = 0
        copier(target, source)
        assert np.array_equal(target, source)
    copier.close()


def test_its_thread_ends_with_it() -> None:
    shape = (3000, 4000, 3)
    before = threading.active_count()
    copier = BandCopier(shape)
    copier(np.zeros(shape, np.uint8), np.ones(shape, np.uint8))
    copier.close()
    assert threading.active_count() == before
    copier.close()
