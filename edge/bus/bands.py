"""Copying large frames by two threads, each of which takes the next band when it has copied one.

One core copies a 12 megapixel frame at half the speed of the memory. A thread that waits is woken up to a
millisecond late, a quarter of the whole copy: two fixed halves wait for it (3.4 ms), bands that whoever is free takes
do not (2.7 ms, one thread 4.1 ms, measured side by side on two x86 cores). Below 8 MB it is woken for nothing.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from edge.bus.ring import Pixels

_FROM_BYTES = 8_000_000
_BAND_BYTES = 1_500_000


class BandCopier:
    """`copier(target, source)` for frames of `shape` (height, width, channels) uint8. `close` ends its thread."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        height, width, channels = shape
        wide = height * width * channels >= _FROM_BYTES and (os.cpu_count() or 1) > 1
        self._rows = max(1, _BAND_BYTES // (width * channels))
        self._second = ThreadPoolExecutor(1, "bands") if wide else None

    def __call__(self, target: Pixels, source: Pixels) -> None:
        if self._second is None:
            np.copyto(target, source)
            return
        bands = itertools.count(0, self._rows)  # its next() is one step of the interpreter: no band is taken twice
        other = self._second.submit(self._copy, target, source, bands)
        self._copy(target, source, bands)
        if not other.cancel():  # it never began when it could not be woken in time
            other.result()

    def _copy(self, target: Pixels, source: Pixels, bands: Iterator[int]) -> None:
        for top in bands:
            if top >= len(source):
                return
            np.copyto(target[top : top + self._rows], source[top : top + self._rows])

    def close(self) -> None:
        if self._second is not None:
            self._second.shutdown()
