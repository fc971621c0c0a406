"""Teach pictures looked at before they spoil the model: each doubtful one is flagged, with its reason, for a person.

Nothing is left out by itself. Every limit is relative to the set, so that no product needs settings of its own: the
median and the median absolute deviation (MAD) of all pictures, with a floor below which a difference is no fault. A
fault that most pictures share is therefore not seen here. `sift` needs the pictures alone; `outlying` needs the scores
that teaching gives each picture by a model without it, and sees what is far smaller: a scratch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.inference.rectify import Pixels
from edge.learning.samples import Sample
from edge.learning.threshold import suspect_from, suspects

Array = NDArray[np.float64]

MIN_PICTURES = 3
_SPREADS = 6.0  # standard deviations, estimated from the MAD: a set of 150 alike rarely has one beyond
_STOPS = 0.5  # floor, in powers of 2 of the mean level: a lamp that ages or flickers moves less
_CLIPPED = 0.05  # floor, share of the picture's pixels
_BLURRED = 1.0  # floor, in powers of 2 of the share of fine detail: half of it is gone
_UNLIKE = 0.6  # floor, in powers of 2 of the distance to the other pictures: half as far again
_SAME = 0.2  # of the usual difference between two pictures of the set
_SAME_LEAST = 0.015  # of the contrast: what noise and compression make of one and the same view
_BLACK, _WHITE = 1, 254
_SHARP_PX = (1.0, 4.0)  # sigmas, px of the model's input: finer than the first, against what lies between
_SOFT_PX = (2.0, 8.0)  # the same for parts without sharp edges, where fine detail is lost in noise and rounding,
_NOISE_PX = 0.8  # which this takes away
_BRIGHT_PERCENT = 95.0  # of the pixels are darker: the bright parts' level changes less with what is shown
_LEAST_ENERGY = 0.01  # grey levels squared
_SIDE_PX = 48  # longest side at which pictures are compared with each other: noise is averaged away


class FlagKind(StrEnum):
    """Codes; the panel has the words in both languages."""

    NEAR_DUPLICATE = "near_duplicate"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    CLIPPED = "clipped"
    UNLIKE = "unlike"  # the picture as a whole: another product, badly placed, a piece missing
    OUTLYING = "outlying"  # to a model taught with the others: perhaps a defect


_WORDS = {
    FlagKind.NEAR_DUPLICATE: "shows the same as {of}: it teaches nothing new; difference {value:.0%} of the usual",
    FlagKind.BLURRED: "is blurred: fine detail {value:.0%} of the usual, doubtful from {limit:.0%} down",
    FlagKind.TOO_DARK: "is darker than the others: {value:.0%} of the usual level, doubtful from {limit:.0%} down",
    FlagKind.TOO_BRIGHT: "is brighter than the others: {value:.0%} of the usual level, doubtful from {limit:.0%} on",
    FlagKind.CLIPPED: "has lost detail in black or white: {value:.0%} of it, doubtful from {limit:.0%} on",
    FlagKind.UNLIKE: "differs as a whole: {value:.0%} of the usual difference, doubtful from {limit:.0%} on",
    FlagKind.OUTLYING: "may show a defect: score {value:.2f}, doubtful from {limit:.2f} on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One doubt about one picture. value, limit: shares of what is usual in the set (clipped: of the picture's pixels;
    outlying: scores). of: the earlier picture that a near duplicate resembles."""

    name: str
    kind: FlagKind
    value: float
    limit: float
    of: str = ""

    def words(self) -> str:
        return f"{self.name} {_WORDS[self.kind].format(value=self.value, limit=self.limit, of=self.of)}"


def sift(samples: Sequence[Sample]) -> tuple[Flag, ...]:
    """In the order of the pictures, which must all be of one size; none for fewer than 3 pictures."""
    if len(samples) < MIN_PICTURES:
        return ()
    seen = [_look(sample.picture) for sample in samples]
    apart = _distances([sample.picture for sample in samples])
    names = [sample.name for sample in samples]
    flags = [
        *_exposure(names, np.log2([one.levels for one in seen])),
        *_clipped(names, np.array([one.clipped for one in seen])),
        *_blurred(names, np.log2([one.fine for one in seen])),
        *_unlike(names, apart),
        *_duplicates(names, apart),
    ]
    return _in_order(names, flags)


def outlying(names: Sequence[str], scores: Sequence[float]) -> tuple[Flag, ...]:
    """scores: of each picture by a model that was taught without it. The worst first."""
    limit = suspect_from(scores)
    return tuple(
        Flag(name=names[row], kind=FlagKind.OUTLYING, value=float(scores[row]), limit=limit) for row in suspects(scores)
    )


def doubts(samples: Sequence[Sample], scores: Sequence[float]) -> tuple[Flag, ...]:
    """Both together, in the order of the pictures. scores: as for `outlying`, one for each sample."""
    names = [sample.name for sample in samples]
    return _in_order(names, [*sift(samples), *outlying(names, scores)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """levels: mean, and of the bright parts, 0 to 255. clipped: share of pixels. fine: energy of fine detail over that
    of coarser, for two scales across and down: exposure does not change it, and a moving belt blurs one direction only.
    """

    levels: tuple[float, ...]
    clipped: float
    fine: tuple[float, ...]


def _look(picture: Pixels) -> _Seen:
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32)
    clipped = ((picture >= _WHITE) | (picture <= _BLACK)).all(axis=2)
    levels = (float(grey.mean()), float(np.percentile(grey, _BRIGHT_PERCENT)))
    smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), _NOISE_PX), np.float32)
    fine = [_fine(way, *_SHARP_PX) for way in (grey, np.ascontiguousarray(grey.T))]
    fine += [_fine(way, *_SOFT_PX) for way in (smooth, np.ascontiguousarray(smooth.T))]
    return _Seen(levels=tuple(max(level, 0.5) for level in levels), clipped=float(clipped.mean()), fine=tuple(fine))


def _fine(grey: NDArray[np.float32], fine_px: float, coarse_px: float) -> float:
    """Along the rows."""
    flat = np.ones(1, np.float32)
    middle, coarse = (cv2.sepFilter2D(grey, cv2.CV_32F, _gaussian(sigma), flat) for sigma in (fine_px, coarse_px))
    fine, wide = float(((grey - middle) ** 2).mean()), float(((middle - coarse) ** 2).mean())
    return max(fine, _LEAST_ENERGY) / max(wide, _LEAST_ENERGY)


def _gaussian(sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.getGaussianKernel(2 * round(3 * sigma_px) + 1, sigma_px, cv2.CV_32F), np.float32)


def _distances(pictures: Sequence[Pixels]) -> Array:
    """(n, n) root mean square differences in units of the contrast, 0 to 2; brightness and gain do not matter."""
    height, width = pictures[0].shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    flat = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA).ravel() for one in pictures])
    rows = flat.astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.sqrt(np.maximum(0.0, 2 - 2 * (rows @ rows.T))))


def _exposure(names: Sequence[str], stops: Array) -> list[Flag]:
    """stops: (n, 2) log2 of the levels."""
    flags = []
    for name, (over, value, room) in zip(names, _worst(stops, _STOPS), strict=True):
        if over > 0:
            kind = FlagKind.TOO_BRIGHT if value > 0 else FlagKind.TOO_DARK
            limit = float(np.exp2(room if value > 0 else -room))
            flags.append(Flag(name=name, kind=kind, value=float(np.exp2(value)), limit=limit))
    return flags


def _clipped(names: Sequence[str], shares: Array) -> list[Flag]:
    middle, room = _room(shares, _CLIPPED)
    return [
        Flag(name=name, kind=FlagKind.CLIPPED, value=float(share), limit=middle + room)
        for name, share in zip(names, shares, strict=True)
        if share > middle + room
    ]


def _blurred(names: Sequence[str], fine: Array) -> list[Flag]:
    """fine: (n, 4) log2."""
    return [
        Flag(name=name, kind=FlagKind.BLURRED, value=float(np.exp2(value)), limit=float(np.exp2(-room)))
        for name, (over, value, room) in zip(names, _worst(fine, _BLURRED, rising=False), strict=True)
        if over > 0
    ]


def _unlike(names: Sequence[str], apart: Array) -> list[Flag]:
    """How far each is from the other half that it resembles most."""
    count = len(apart)
    away = np.log2(np.maximum(np.sort(apart, axis=1)[:, 1 : 1 + count // 2].mean(axis=1), 1e-6))
    middle, room = _room(away, _UNLIKE)
    return [
        Flag(name=name, kind=FlagKind.UNLIKE, value=float(np.exp2(value)), limit=float(np.exp2(room)))
        for name, value in zip(names, away - middle, strict=True)
        if value > room
    ]


def _duplicates(names: Sequence[str], apart: Array) -> list[Flag]:
    """The later picture of a pair; the earliest that it resembles stays."""
    count = len(apart)
    usual = max(float(np.median(apart[np.triu_indices(count, 1)])), 1e-9)
    limit = max(_SAME * usual, _SAME_LEAST)
    flags = []
    for row in range(1, count):
        alike = np.flatnonzero(apart[row, :row] < limit)
        if len(alike):
            value, first = float(apart[row, alike[0]]) / usual, names[alike[0]]
            kind = FlagKind.NEAR_DUPLICATE
            flags.append(Flag(name=names[row], kind=kind, value=value, limit=limit / usual, of=first))
    return flags


def _in_order(names: Sequence[str], flags: Sequence[Flag]) -> tuple[Flag, ...]:
    order = {name: row for row, name in reversed(list(enumerate(names)))}
    return tuple(sorted(flags, key=lambda flag: order[flag.name]))


def _room(values: Array, floor: float) -> tuple[float, float]:
    """The median, and how far from it a value may lie."""
    middle = float(np.median(values))
    return middle, max(floor, _SPREADS * 1.4826 * float(np.median(np.abs(values - middle))))


def _worst(columns: Array, floor: float, *, rising: bool = True) -> list[tuple[float, float, float]]:
    """For each row its worst column: (beyond the room, off the median, room). rising: too much is a fault too."""
    rooms = [_room(column, floor) for column in columns.T]
    found = []
    for row in columns:
        offs = [(float(one) - middle, room) for one, (middle, room) in zip(row, rooms, strict=True)]
        found.append(max(((abs(off) if rising else -off) - room, off, room) for off, room in offs))
    return found
