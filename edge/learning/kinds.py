"""What kind of defect it is, learnt from three reviewed examples of each and more. For statistics and sorting only: a
name is given to what was judged NG already, changes no verdict, and is "unknown" whenever it is not sure.

The features of the detector's own taps are averaged over the defect's spot, where its map rises, and the difference
from the whole part is put beside them; both are taken in units of what is usual on good parts and brought to length 1.
The nearest class mean names the kind (Snell et al., "Prototypical Networks for Few-shot Learning", NeurIPS 2017); with
3 to 10 examples neither a shrunk discriminant nor logistic regression was more than 2 in 100 better on two sets of real
defects. Averages over a rectangle around the spot named fewer, and fewer of those rightly.

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
from edge.store.kinds import UNKNOWN

Array = NDArray[np.float32]

MIN_EXAMPLES = 3
MAX_KINDS, MAX_EXAMPLES = 64, 20_000
_LONGEST_NAME = 40
_RIGHT = 0.9  # share of given names that shall be right
_INSIDE = 0.9  # share of the examples that lie within the distance
_SHARPNESS = 2  # of a spot: 1 lets in too much of what is usual, 8 is one cell and misses what is large
_TEMPERATURES = np.geomspace(0.005, 1.0, 30)  # of squared distances, which are 0 to 8
_LEAST = 1e-6
_GROUPS = 100  # of examples that are left out together
NEVER = 2.0  # `sure_from` of a fit whose examples show that no name can be trusted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """mean, spread: (channels of all taps,) float32 over good parts. taps: how many channels each tap has."""

    taps: tuple[int, ...]
    mean: Array
    spread: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A reviewed defect. vector: as `describe` gives it. unmarked: the same without the place that a person marked,
    as a new defect will be looked at; None: nobody marked one. UsageError for a kind that cannot be shown or is
    reserved."""

    kind: str
    vector: Array
    unmarked: Array | None = None

    def __post_init__(self) -> None:
        check_kind(self.kind)

    @property
    def as_new(self) -> Array:
        return self.vector if self.unmarked is None else self.unmarked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindsFit:
    """kinds: in alphabetical order. means (kinds, d) float32. counts: examples of each. backbone: digest, 64 hex.

    model: NAME@VERSION of the detector that the examples were looked at with.
    within: mean squared distance of examples from their kind's mean. temperature: of the softmax. sure_from: confidence
    from which a kind is named. far_from: squared distance beyond which it is not.
    """

    backbone: str
    model: str
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


def spot(heat: Array, marked: NDArray[np.int64] | None = None) -> Array:
    """(h, w) float32, together 1: how much each cell of the anomaly map shows of the defect.

    The further a cell rises above the map's median, the more. marked: cells, counted row by row, to which a person says
    that the defect is confined.
    """
    risen = np.maximum(heat.astype(np.float64) - float(np.median(heat)), _LEAST)
    if marked is not None and marked.size:
        outside = np.ones(risen.size, np.bool_)
        outside[marked] = False
        risen[outside.reshape(risen.shape)] = 0
    weights = (risen / risen.max()) ** _SHARPNESS
    return np.asarray(weights / weights.sum(), np.float32)


def describe(features: Features, spot: Array, normal: Usual) -> Array:
    """(2 x channels,) float32: what the spot looks like, and how it differs from the whole part.

    UsageError when the features are of another backbone than `normal`.
    """
    if tuple(len(one) for one in features) != normal.taps:
        raise UsageError("these features are of another backbone", hint="teach the kinds again")
    there = np.concatenate([_pooled(one, spot) for one in features])
    everywhere = np.concatenate([one.mean(axis=(1, 2), dtype=np.float64) for one in features])
    weight = np.concatenate([np.full(count, 1 / math.sqrt(count)) for count in normal.taps])
    seen = (there - normal.mean) / normal.spread * weight
    differs = (there - everywhere) / normal.spread * weight
    return np.concatenate([_unit(seen), _unit(differs)]).astype(np.float32)


def waiting(examples: Sequence[Example]) -> dict[str, int]:
    """Kinds with too few examples to be named yet, and how many each is short of."""
    counts = Counter(one.kind for one in examples)
    return {kind: MIN_EXAMPLES - count for kind, count in sorted(counts.items()) if count < MIN_EXAMPLES}


def fit(examples: Sequence[Example], normal: Usual, backbone: str, model: str) -> KindsFit:
    """From the kinds with 3 examples or more; the others wait. backbone, model: as in `KindsFit`.

    UsageError with fewer than two such kinds, too many, or with vectors that are not of `normal`.
    """
    used = _ready(examples)
    _check(used, normal)
    return _fitted(used, normal, backbone, model)


def left_out(examples: Sequence[Example], known: KindsFit) -> tuple[tuple[str, Named], ...]:
    """(kind, how it is named by a fit that has not seen it) of each example that is `known`'s: how good the names are.

    Up to 100 examples are left out one by one, more in 100 groups.
    """
    used = sorted(_ready(examples), key=lambda one: one.kind)
    groups = min(len(used), _GROUPS)
    found: list[tuple[str, Named]] = []
    for group in range(groups):
        rest = [one for row, one in enumerate(used) if row % groups != group]
        without = _fitted(rest, known.usual, known.backbone, known.model)
        found += [(one.kind, name_vector(without, one.as_new)) for one in used[group::groups]]
    return tuple(found)


def _ready(examples: Sequence[Example]) -> list[Example]:
    late = waiting(examples)
    return [one for one in examples if one.kind not in late]


def _fitted(used: Sequence[Example], normal: Usual, backbone: str, model: str) -> KindsFit:
    """Two examples of each kind at least."""
    kinds = tuple(sorted({one.kind for one in used}))
    vectors = np.stack([one.vector for one in used]).astype(np.float64)
    labels = np.array([kinds.index(one.kind) for one in used])
    counts = np.bincount(labels)
    means = np.stack([vectors[labels == row].mean(axis=0) for row in range(len(kinds))])
    within = float(((vectors - means[labels]) ** 2).sum() / (len(used) - len(kinds)))
    as_new = np.stack([one.as_new for one in used]).astype(np.float64)
    held_out = _held_out(vectors, as_new, labels, means, within)
    temperature = _temperature(held_out, labels)
    own = held_out[np.arange(len(labels)), labels]
    return KindsFit(
        backbone=backbone,
        model=model,
        usual=normal,
        kinds=kinds,
        counts=tuple(counts.tolist()),
        means=means.astype(np.float32),
        within=within,
        temperature=temperature,
        sure_from=_sure_from(held_out, labels, temperature),
        far_from=float(np.quantile(own, _INSIDE)),
    )


def name_vector(known: KindsFit, vector: Array) -> Named:
    """vector: of `describe`."""
    squared = ((known.means.astype(np.float64) - vector) ** 2).sum(axis=1) - known.within / np.array(known.counts)
    shares = _softmax(squared[None], known.temperature)[0]
    row = int(shares.argmax())
    confidence = float(shares[row])
    sure = confidence >= known.sure_from and float(squared[row]) <= known.far_from
    nearest = known.kinds[row]
    return Named(kind=nearest if sure else UNKNOWN, nearest=nearest, confidence=confidence)


def _pooled(plane: Array, spot: Array) -> NDArray[np.float64]:
    """plane (C, h, w): its mean, weighted by the spot."""
    weights = cv2.resize(spot, (plane.shape[2], plane.shape[1]), interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.asarray(np.einsum("chw,hw->c", plane, weights / weights.sum()))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), _LEAST)


def _check(used: Sequence[Example], normal: Usual) -> None:
    kinds = len({one.kind for one in used})
    if not 2 <= kinds <= MAX_KINDS or len(used) > MAX_EXAMPLES:
        raise UsageError(
            f"{kinds} kinds have {MIN_EXAMPLES} examples or more",
            hint=f"name 2 to {MAX_KINDS} kinds, with {MIN_EXAMPLES} reviewed examples each at least",
        )
    size = (2 * sum(normal.taps),)
    vectors = [vector for one in used for vector in (one.vector, one.as_new)]
    if any(vector.shape != size or not np.isfinite(vector).all() for vector in vectors):
        raise UsageError("an example is of another backbone", hint="describe the examples again")


def _held_out(
    vectors: NDArray[np.float64],
    as_new: NDArray[np.float64],
    labels: NDArray[np.int64],
    means: NDArray[np.float64],
    within: float,
) -> NDArray[np.float64]:
    """(n, kinds) squared distances from means that the example had no part in.

    A mean of m examples lies within / m off the true one, which is taken away: else a kind would seem the farther the
    fewer examples it has.
    """
    counts = np.bincount(labels).astype(np.float64)
    squared = np.stack([((as_new - mean) ** 2).sum(axis=1) for mean in means], axis=1) - within / counts
    rest = counts[labels] - 1
    others = (means[labels] * counts[labels][:, None] - vectors) / rest[:, None]
    squared[np.arange(len(labels)), labels] = ((as_new - others) ** 2).sum(axis=1) - within / rest
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
