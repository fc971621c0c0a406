"""Pictures that no row knows: a process killed between the row's end and the file's (retention takes rows first).

Looked for once after each start, and only when all that the ledger held has been done with: until then a picture
without a row may be one whose row was lost in a crash, and is found again (`ImageFolder.found`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from edge import log
from edge.recorder.imagefile import ImageFolder
from edge.store.evidence import EvidenceStore

STEP = 200  # files at a time, between frames

_log = log.get(__name__)


class OrphanSweep:
    """removed: pictures (each with its overlay) that nobody knew."""

    def __init__(self, folder: ImageFolder) -> None:
        self._folder = folder
        self._paths: Iterator[str] | None = folder.pictures()
        self.removed = 0

    def step(self, store: EvidenceStore) -> int:
        """Look at the next few files; how many. 0: all have been seen. StoreError, OSError."""
        if self._paths is None:
            return 0
        paths = list(islice(self._paths, STEP))
        if not paths:
            self._paths = None
            if self.removed:
                _log.info("%d pictures without a row were removed", self.removed)
            return 0
        for path in set(paths) - store.known_paths(paths):
            self._folder.remove(path)
            self.removed += 1
        return len(paths)
