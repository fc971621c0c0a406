"""How much memory a process really takes: its proportional share of every page (PSS), rings apart. proc(5), smaps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.errors import ServiceError

_KB_PER_MB = 1e6 / 1024  # kB of the kernel are 1024 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """own_mb: without rings. ring_mb: its share of the rings that it maps. MB are 10^6 bytes."""

    own_mb: float
    ring_mb: float


def footprint(pid: int) -> Footprint:
    """Of a running process of this user. ServiceError when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ServiceError(f"process {pid} ended while its memory was read", hint="see the messages above") from error
    return parse(text)


def parse(smaps: str) -> Footprint:
    """A mapping begins with a line `from-to flags offset device inode path`; its `Pss:` follows."""
    in_ring, kb = False, {True: 0, False: 0}
    for line in smaps.splitlines():
        words = line.split(maxsplit=5)
        if words and "-" in words[0] and not words[0].endswith(":"):
            in_ring = len(words) == 6 and words[5].removesuffix(" (deleted)").endswith(".ring")
        elif line.startswith("Pss:"):
            kb[in_ring] += int(words[1])
    return Footprint(own_mb=kb[False] / _KB_PER_MB, ring_mb=kb[True] / _KB_PER_MB)
