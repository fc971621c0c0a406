"""Which images are kept, under which name, and what is given up first. Pure: no clock, no disk.

NG, UNSURE and NOT_INSPECTED parts keep every view that has a frame. Of the OK parts about every n-th is a sample: of
each n rows of the ledger one is drawn, by its number alone, so that a restart changes nothing, a part that is done
again is drawn again, and no rhythm in the product (moulds, lanes) can hide from the sample.
Images give way before anything else: OK samples first, then UNSURE and NOT_INSPECTED, NG last.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from edge.domain.ledger import StoredPart
from edge.domain.part import Purpose
from edge.domain.result import Result
from edge.domain.verdict import Verdict

DISK_FULL = "disk_full"
BACKLOG = "backlog"
OVERWRITTEN = "overwritten"
RING_GONE = "ring_gone"
UNWRITABLE = "unwritable"
STORE_DOWN = "store_down"
WHYS = (DISK_FULL, BACKLOG, OVERWRITTEN, RING_GONE, UNWRITABLE, STORE_DOWN)

# Rows behind. Copying is quick and encoding is slow: a lag of this many parts means rings will soon turn over.
BACKLOG_SHEDS_OK = 12
BACKLOG_SHEDS_UNSURE = 40

LOSSY, LOSSLESS = ".jpg", ".png"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What there is to work with. backlog: rows behind the ledger, counting the part in question."""

    free_bytes: int
    min_free_bytes: int
    backlog: int


def wanted(verdict: Verdict, row: int, every: int) -> bool:
    """Whether a part's pictures are wanted. every: one row in so many keeps that of an OK part; 0: none."""
    if verdict is not Verdict.OK:
        return True
    if every == 0:
        return False
    block, place = divmod(row - 1, every)
    drawn = hashlib.blake2b(block.to_bytes(8, "big"), digest_size=8).digest()
    return place == int.from_bytes(drawn, "big") % every


def shed(verdict: Verdict, room: Room) -> str | None:
    """Why an image of such a part is not kept now; None when it is."""
    floor = room.min_free_bytes
    if verdict is Verdict.OK:
        floor += floor // 4
    elif verdict is Verdict.NG:
        floor //= 2
    if room.free_bytes < floor:
        return DISK_FULL
    limit = {Verdict.OK: BACKLOG_SHEDS_OK, Verdict.NG: None}.get(verdict, BACKLOG_SHEDS_UNSURE)
    return BACKLOG if limit is not None and room.backlog >= limit else None


def lossless(part: StoredPart, ok_lossless: bool) -> bool:
    """Pictures that detectors are taught with are kept as the camera gave them: those of the purpose set-up, and the
    samples of OK parts. Taught with JPEGs, more good parts are stopped than is promised (docs/decisions/0019)."""
    return part.trigger.purpose is Purpose.SETUP or (ok_lossless and part.record.verdict is Verdict.OK)


def image_path(part: StoredPart, view: str, *, lossless: bool = False) -> str:
    """Relative, with '/'. All from the ledger: a part that is done again after a crash gets the same name.

    The day is the wall clock's at the trigger; it only names the folder.
    """
    day = _DAY.match(part.trigger.wall)
    folder = day.group() if day else "no-date"
    which = part.record.part
    ending = LOSSLESS if lossless else LOSSY
    name = f"{_safe(which.station)}-{which.epoch}-{which.n}-{_safe(view)}{ending}"
    return f"{folder}/{_safe(part.trigger.lot)}/{name}"


def _safe(text: str) -> str:
    cleaned = _UNSAFE.sub("_", text)[:60]
    return cleaned if cleaned.strip(".") else "-"


def overlay(part: StoredPart, result: Result, *, width: int, height: int) -> bytes:
    """JSON beside the image, so that evidence stands alone: verdict, reasons, boxes, placement, what was in force."""
    content: dict[str, Any] = {
        "part": str(part.record.part),
        "row": part.row,
        "verdict": part.record.verdict,
        "reasons": part.record.reasons,
        "trigger": part.trigger,
        "result": result,
        "width": width,
        "height": height,
    }
    return msgspec.json.encode(content)
