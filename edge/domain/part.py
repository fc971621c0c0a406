"""What passes the station: parts, their ids, why they were sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from edge.errors import UsageError

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def check_name(name: str, what: str) -> str:
    """`name` itself when it can serve as a file name and a topic; UsageError otherwise."""
    if NAME_PATTERN.fullmatch(name) is None:
        raise UsageError(
            f"{name[:60]!r} cannot be the name of a {what}",
            hint="use 1 to 40 letters, digits, '-', '_' or '.', starting with a letter or digit",
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PartId:
    """One physical product, for ever: the station, the epoch (one per start of `line`), and the count n from 1."""

    station: str
    epoch: int
    n: int

    def __str__(self) -> str:
        return f"{self.station}/{self.epoch}/{self.n}"

    @classmethod
    def parse(cls, text: str) -> Self:
        pieces = text.split("/")
        if len(pieces) != 3 or not (pieces[1].isdecimal() and pieces[2].isdecimal()):
            raise UsageError(f"{text[:60]!r} is not a part id", hint="write STATION/EPOCH/N, as in demo/3/42")
        return cls(station=check_name(pieces[0], "station"), epoch=int(pieces[1]), n=int(pieces[2]))


class Purpose(StrEnum):
    """Why a part was sent. Only production counts in yield."""

    PRODUCTION = "production"
    CHALLENGE = "challenge"
    SETUP = "setup"
    QC_SAMPLE = "qc_sample"
    REWORK = "rework"


class Mode(StrEnum):
    """RUN judges. STOPPED and SETUP reject everything. BYPASS passes, recorded, for at most 30 minutes."""

    RUN = "RUN"
    STOPPED = "STOPPED"
    SETUP = "SETUP"
    BYPASS = "BYPASS"
