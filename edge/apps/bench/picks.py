"""A process that times the greedy choice of a memory bank's entries, with one thread and nothing else to do."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection

from edge.apps.bench.child import serve

_COLUMNS = 66  # what entries are picked by: 64 components and the place


def work(pipe: Connection) -> None:
    """Answers how many entries to pick, of as many patches as are looked at, with the milliseconds of each pick."""
    # Before numpy is loaded, hence no import of it above: it asks only once how many threads it may have.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np

    from edge.learning.coreset import MOST_CANDIDATES, k_centre

    patches = np.random.default_rng(1).standard_normal((MOST_CANDIDATES, _COLUMNS), np.float32)

    def pick(count: int) -> float:
        started_ns = time.monotonic_ns()
        k_centre(patches, count)
        return (time.monotonic_ns() - started_ns) / 1e6 / count

    pick(3)
    serve(pipe, pick)
