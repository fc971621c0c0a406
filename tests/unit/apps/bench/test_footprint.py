"""Memory of a process: every mapping's share once, rings apart."""

from __future__ import annotations

import mmap
import os

import pytest

from edge.apps.bench.footprint import footprint, parse
from edge.errors import ServiceError

SMAPS = """\
00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/python3.11
Size:                328 kB
Rss:                 300 kB
Pss:                 100 kB
Pss_Dirty:            50 kB
VmFlags: rd ex mr mw me
7f10-7f20 rw-s 00000000 00:18 7 /dev/shm/edge-demo+top+12.ring
Pss:                2000 kB
7f20-7f30 rw-s 00000000 00:18 8 /dev/shm/edge-demo+sim-top+12.ring (deleted)
Pss:                1000 kB
7f30-7f40 rw-p 00000000 00:00 0
Pss:                  25 kB
7f40-7f50 rw-s 00000000 00:00 9 /tmp/a folder/ring
Pss:                  25 kB
"""


def test_rings_are_counted_apart() -> None:
    found = parse(SMAPS)
    assert found.own_mb == pytest.approx(150 * 1024 / 1e6)
    assert found.ring_mb == pytest.approx(3000 * 1024 / 1e6)


def test_memory_of_this_process_grows_with_what_it_takes() -> None:
    before = footprint(os.getpid())
    with mmap.mmap(-1, 30_000_000, flags=mmap.MAP_PRIVATE) as taken:  # the heap may have old pages
        taken[:] = b"1" * len(taken)
        after = footprint(os.getpid())
    assert 25 < after.own_mb - before.own_mb < 40


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises(ServiceError):
        footprint(2**22 + 1)
