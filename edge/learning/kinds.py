"""What kind of defect it is, learnt from three reviewed examples of each and more. For statistics and sorting only: a
name is given to what was judged NG already, changes no verdict, and is "unknown" whenever it is not sure.

The features of the detector's own taps are averaged over the defect's place, and the difference from its surroundings
is put beside them; both are taken in units of what is usual on good parts and brought to length 1. The nearest class
mean names the kind (Snell et al., "Prototypical Networks for Few-shot Learning", NeurIPS 2017); with 3 to 10 examples
neither a shrunk discriminant nor logistic regression was more than 2 in 100 better on two sets of real defects.

How sure is sure is learnt from the examples, each left out in turn: the temperature of the softmax (by likelihood),
the confidence from which 9 names in 10 are right, and the distance within which 9 in 10 of a kind lie.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.learning.backbone import Features

Array = NDArray[np.float32]

UNKNOWN = "unknown"
MIN_EXAMPLES = 3
MAX_KINDS, MAX_EXAMPLES = 64, 20_000
_LONGEST_NAME = 40
_RIGHT = 0.9  # share of given names that shall be right
_INSIDE = 0.9  # share of the examples that lie within the distance
_RING = 2  # cells around the place that count as its surroundings
_RISEN = 0.4  # of the way from the anomaly map's median up to its peak: the defect's place
_TEMPERATURES = np.geomspace(0.005, 1.0, 30)  # of squared distances, which are 0 to 8
_LEAST = 1e-6
NEVER = 2.0  # `sure_from` of a fit whose examples show that no name can be trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Corners in shares of the model's picture, 0 to 1, from the upper left. UsageError when that is no rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise UsageError("the defect's place is no rectangle inside the picture", hint="mark it again")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """mean, spread: (channels of all taps,) float32 over good parts. taps: how many channels each tap has."""

    taps: tuple[int, ...]
    mean: Array
    spread: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A reviewed defect. vector: as `describe` gives it. UsageError for a kind that cannot be shown or is reserved."""

    kind: str
    vector: Array

    def __post_init__(self) -> None:
        check_kind(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindsFit:
    """kinds: in alphabetical order. means (kinds, d) float32. counts: examples of each. backbone: digest, 64 hex.

    within: mean squared distance of examples from their kind's mean. temperature: of the softmax. sure_from: confidence
    from which a kind is named. far_from: squared distance beyond which it is not.
    """

    backbone: str
    usual: Usual
    kinds: tuple[str, ...]
    counts: tuple[int, ...]
    means: Array
    within: float
    temperature: float
    sure_from: float
    far_from: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """kind: UNKNOWN when unsure. nearest: what it would be called. confidence: that nearest is right, 0 to 1, if it is
    one of the known kinds at all."""

    kind: str
    nearest: str
    confidence: float


def check_kind(kind: str) -> str:
    """`kind` itself. In any language; UsageError otherwise."""
    printable = kind.isprintable() and kind == kind.strip()
    if not 1 <= len(kind) <= _LONGEST_NAME or not printable or kind.casefold() == UNKNOWN:
        raise UsageError(
            f"{kind[:60]!r} cannot be the name of a kind of defect",
            hint=f"use 1 to {_LONGEST_NAME} letters, and not {UNKNOWN!r}",
        )
    return kind


def usual(good: Sequence[Features]) -> Usual:
    """good: features of good parts as the backbone gives them. UsageError for none."""
    if not good:
        raise UsageError("no good part says what is usual", hint="give the good parts the model was taught with")
    means, spreads = [], []
    for tap in zip(*good, strict=True):
        columns = np.concatenate([one.reshape(len(one), -1) for one in tap], axis=1).astype(np.float64)
        means.append(columns.mean(axis=1))
        spreads.append(np.maximum(columns.std(axis=1), _LEAST))
    mean, spread = (np.concatenate(one).astype(np.float32) for one in (means, spreads))
    return Usual(taps=tuple(len(one) for one in means), mean=mean, spread=spread)


def brightest(heat: Array) -> Place:
    """Where the anomaly map (h, w) peaks: the cells around the peak that rise nearly half as far from the usual."""
    height, width = heat.shape
    y, x = (int(one) for one in np.unravel_index(int(heat.argmax()), heat.shape))
    middle = float(np.median(heat))
    mask = (heat >= middle + _RISEN * (float(heat[y, x]) - middle)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, wide, high, _ = (int(one) for one in stats[labels[y, x]])
    return Place(left=left / width, top=top / height, right=(left + wide) / width, bottom=(top + high) / height)


def describe(features: Features, place: Place, normal: Usual) -> Array:
    """(2 x channels,) float32: what the place looks like, and how it differs from what is around it.

    UsageError when the features are of another backbone than `normal`.
    """
    if tuple(len(one) for one in features) != normal.taps:
        raise UsageError("these features are of another backbone", hint="teach the kinds again")
    inside, around = (np.concatenate(one) for one in zip(*(_pooled(one, place) for one in features), strict=True))
    weight = np.concatenate([np.full(count, 1 / math.sqrt(count)) for count in normal.taps])
    seen = (inside - normal.mean) / normal.spread * weight
    differs = (inside - around) / normal.spread * weight
    return np.concatenate([_unit(seen), _unit(differs)]).astype(np.float32)


def waiting(examples: Sequence[Example]) -> dict[str, int]:
    """Kinds with too few examples to be named yet, and how many each is short of."""
    counts = Counter(one.kind for one in examples)
    return {kind: MIN_EXAMPLES - count for kind, count in sorted(counts.items()) if count < MIN_EXAMPLES}


def fit(examples: Sequence[Example], normal: Usual, backbone: str) -> KindsFit:
    """From the kinds with 3 examples or more; the others wait. backbone: its digest.

    UsageError with fewer than two such kinds, too many, or with vectors that are not of `normal`.
    """
    late = waiting(examples)
    used = [one for one in examples if one.kind not in late]
    kinds = tuple(sorted({one.kind for one in used}))
    _check(used, kinds, normal)
    vectors = np.stack([one.vector for one in used]).astype(np.float64)
    labels = np.array([kinds.index(one.kind) for one in used])
    counts = np.bincount(labels)
    means = np.stack([vectors[labels == row].mean(axis=0) for row in range(len(kinds))])
    within = float(((vectors - means[labels]) ** 2).sum() / (len(used) - len(kinds)))
    held_out = _held_out(vectors, labels, means, within)
    temperature = _temperature(held_out, labels)
    own = held_out[np.arange(len(labels)), labels]
    return KindsFit(
        backbone=backbone,
        usual=normal,
        kinds=kinds,
        counts=tuple(counts.tolist()),
        means=means.astype(np.float32),
        within=within,
        temperature=temperature,
        sure_from=_sure_from(held_out, labels, temperature),
        far_from=float(np.quantile(own, _INSIDE)),
    )


def name(known: KindsFit, features: Features, place: Place) -> Named:
    """The kind of a defect that was found at `place`. UsageError when the features are of another backbone."""
    return name_vector(known, describe(features, place, known.usual))


def name_vector(known: KindsFit, vector: Array) -> Named:
    """vector: of `describe`."""
    squared = ((known.means.astype(np.float64) - vector) ** 2).sum(axis=1) - known.within / np.array(known.counts)
    shares = _softmax(squared[None], known.temperature)[0]
    row = int(shares.argmax())
    confidence = float(shares[row])
    sure = confidence >= known.sure_from and float(squared[row]) <= known.far_from
    nearest = known.kinds[row]
    return Named(kind=nearest if sure else UNKNOWN, nearest=nearest, confidence=confidence)


def _pooled(plane: Array, place: Place) -> tuple[Array, Array]:
    """plane (C, h, w): its means over the place and over the ring around it (where there is one)."""
    height, width = plane.shape[1:]
    left, right = _cells(place.left, place.right, width)
    top, bottom = _cells(place.top, place.bottom, height)
    inside = plane[:, top:bottom, left:right].sum(axis=(1, 2), dtype=np.float64)
    count = (bottom - top) * (right - left)
    wide = plane[:, max(0, top - _RING) : bottom + _RING, max(0, left - _RING) : right + _RING]
    ring = wide.shape[1] * wide.shape[2] - count
    around = (wide.sum(axis=(1, 2), dtype=np.float64) - inside) / ring if ring else inside / count
    return inside / count, around


def _cells(low: float, high: float, count: int) -> tuple[int, int]:
    """All cells that the span touches, one at least."""
    first = min(math.floor(low * count + 1e-9), count - 1)
    return first, max(first + 1, math.ceil(high * count - 1e-9))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), _LEAST)


def _check(used: Sequence[Example], kinds: Sequence[str], normal: Usual) -> None:
    if not 2 <= len(kinds) <= MAX_KINDS or len(used) > MAX_EXAMPLES:
        raise UsageError(
            f"{len(kinds)} kinds have {MIN_EXAMPLES} examples or more",
            hint=f"name 2 to {MAX_KINDS} kinds, with {MIN_EXAMPLES} reviewed examples each at least",
        )
    size = (2 * sum(normal.taps),)
    if any(one.vector.shape != size or not np.isfinite(one.vector).all() for one in used):
        raise UsageError("an example is of another backbone", hint="describe the examples again")


def _held_out(
    vectors: NDArray[np.float64], labels: NDArray[np.int64], means: NDArray[np.float64], within: float
) -> NDArray[np.float64]:
    """(n, kinds) squared distances from means that the example had no part in.

    A mean of m examples lies within / m off the true one, which is taken away: else a kind would seem the farther the
    fewer examples it has.
    """
    counts = np.bincount(labels).astype(np.float64)
    squared = np.stack([((vectors - mean) ** 2).sum(axis=1) for mean in means], axis=1) - within / counts
    rest = counts[labels] - 1
    others = (means[labels] * counts[labels][:, None] - vectors) / rest[:, None]
    squared[np.arange(len(labels)), labels] = ((vectors - others) ** 2).sum(axis=1) - within / rest
    return np.asarray(squared)


def _temperature(squared: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    rows = np.arange(len(labels))
    likelihoods = [
        np.log(np.maximum(_softmax(squared, float(one))[rows, labels], 1e-12)).sum() for one in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmax(likelihoods))])


def _sure_from(squared: NDArray[np.float64], labels: NDArray[np.int64], temperature: float) -> float:
    """The least confidence from which 9 names in 10 are right; NEVER when there is none.

    Half an example more, half of it right, is put to each count: a handful proves little.
    """
    shares = _softmax(squared, temperature)
    highest = shares.max(axis=1)
    order = np.argsort(-highest, kind="stable")
    right = np.cumsum((shares.argmax(axis=1) == labels)[order])
    good = np.flatnonzero((right + 0.5) / (np.arange(1, len(order) + 1) + 0.5) >= _RIGHT)
    return float(highest[order[good[-1]]]) if len(good) else NEVER


def _softmax(squared: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    raised = np.exp((squared.min(axis=1, keepdims=True) - squared) / temperature)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
