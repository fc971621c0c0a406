"""Whose evidence this is: rows of the ledger name the pictures, so evidence.db belongs to one ledger.

A ledger that was replaced (a new one, another station's, an older copy put back) counts its rows anew. Followed from
the old position, its first parts would have no pictures; followed from its beginning, its rows would show the
pictures of other parts. So the old evidence is set aside whole and a new one begun; nothing is deleted.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from edge import log
from edge.store.evidence import EvidenceStore
from edge.store.ledger_reader import LedgerReader

_DATABASE = ("evidence.db", "evidence.db-wal", "evidence.db-shm")

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """identity: "" when the ledger has not begun yet. highest_row: that a part ever had."""

    identity: str
    highest_row: int

    @classmethod
    def of(cls, ledger: LedgerReader) -> LedgerFacts:
        """StoreError when the ledger cannot be read."""
        return cls(identity=ledger.identity(), highest_row=ledger.highest_row())


def follows(store: EvidenceStore, ledger: LedgerFacts) -> bool:
    """False: the evidence is of another ledger, or this one was put back to an older state.

    An evidence.db that has followed none becomes this one's. StoreError when evidence.db fails.
    """
    if store.ledger() not in ("", ledger.identity) or store.position() > ledger.highest_row:
        return False
    store.follow(ledger.identity)
    return True


def set_aside(data_dir: Path, images: Path) -> Path:
    """Move evidence.db, closed by now, and the pictures to the first free `evidence-N`; OSError as the disk gives it.

    Pictures first: without their database they must not be left to a new one, which would call them orphans.
    """
    number = 1
    while (data_dir / f"evidence-{number}").exists():
        number += 1
    target = data_dir / f"evidence-{number}"
    target.mkdir(mode=0o700)
    try:
        if images.exists():
            images.rename(target / images.name)
    except OSError:
        with contextlib.suppress(OSError):
            target.rmdir()
        raise
    for name in _DATABASE:
        if (data_dir / name).exists():
            (data_dir / name).rename(target / name)
    _log.warning("the ledger is not the one this evidence is of: the evidence was set aside in %s", target)
    return target
