"""Which pictures a detector was made from: tried on those, it looks better than it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from edge.learning.labelled import LabelledSet
from edge.learning.memory_file import has_memory, taught_memory
from edge.learning.teach_record import teach_record
from edge.store.packages import Package


def learnt_from(packages: Iterable[Package]) -> frozenset[str] | None:
    """SHA-256 (64 hex) of the files they were taught and corrected with. None when one of them does not say.

    Limit samples are not among them: nothing is learnt from those.
    """
    known: set[str] = set()
    for package in packages:
        record = teach_record(package)
        if record is None:
            return None
        known |= {one.sha256 for one in record.taught_with}
        corrections = taught_memory(package).known if has_memory(package) else ()
        known |= {one.sha256 for one in corrections if not one.limit}
    return frozenset(known)


def taught_with(pictures: LabelledSet, learnt: frozenset[str]) -> tuple[str, ...]:
    """Names of those whose bytes are the same. One that was saved anew, or cut, is not known again."""
    found: list[str] = []
    for one in pictures.pictures:
        try:
            with one.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue  # it is missed aloud where it is examined
        if digest in learnt:
            found.append(one.name)
    return tuple(found)
