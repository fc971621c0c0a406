"""A `KindsFit` as bytes and back: msgpack with plain float32 arrays, read strictly, nothing in it is ever run."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from edge.domain.recipe import split_reference
from edge.errors import ModelError, UsageError
from edge.learning.kinds import MAX_KINDS, MIN_EXAMPLES, NEVER, Array, KindsFit, Usual, check_kind

FORMAT = 1
MAX_BYTES = 8_000_000
_FLOAT = np.dtype("<f4")
_Above = Annotated[float, Meta(gt=0)]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    backbone: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    model: Annotated[str, Meta(min_length=3, max_length=100)]
    taps: Annotated[tuple[Annotated[int, Meta(ge=1, le=4096)], ...], Meta(min_length=1, max_length=8)]
    usual_mean: bytes
    usual_spread: bytes
    kinds: Annotated[tuple[str, ...], Meta(min_length=2, max_length=MAX_KINDS)]
    counts: tuple[Annotated[int, Meta(ge=MIN_EXAMPLES, le=1_000_000)], ...]
    means: bytes
    within: Annotated[float, Meta(ge=0)]
    temperature: _Above
    sure_from: Annotated[float, Meta(gt=0, le=NEVER)]
    far_from: float


def to_bytes(known: KindsFit) -> bytes:
    """The same fit gives the same bytes."""
    return msgspec.msgpack.encode(
        _File(
            format=FORMAT,
            backbone=known.backbone,
            model=known.model,
            taps=known.usual.taps,
            usual_mean=_flat(known.usual.mean),
            usual_spread=_flat(known.usual.spread),
            kinds=known.kinds,
            counts=known.counts,
            means=_flat(known.means),
            within=known.within,
            temperature=known.temperature,
            sure_from=known.sure_from,
            far_from=known.far_from,
        )
    )


def from_bytes(data: bytes) -> KindsFit:
    """ModelError when the bytes are damaged or hostile."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"over {MAX_BYTES} bytes")
        return _checked(msgspec.msgpack.decode(data, type=_File))
    except (msgspec.MsgspecError, ValueError, UsageError) as error:
        raise ModelError(f"the kinds of defects cannot be read: {error}", hint="teach the kinds again") from error


def _checked(file: _File) -> KindsFit:
    split_reference(file.model)
    if len(file.counts) != len(file.kinds) or list(file.kinds) != sorted(set(file.kinds)):
        raise ValueError("kinds and counts do not match")
    for kind in file.kinds:
        check_kind(kind)
    if not all(map(math.isfinite, (file.within, file.temperature, file.far_from))):
        raise ValueError("a limit is no number")
    channels = sum(file.taps)
    spread = _array(file.usual_spread, (channels,))
    if float(spread.min()) <= 0:
        raise ValueError("a spread is not above 0")
    return KindsFit(
        backbone=file.backbone,
        model=file.model,
        usual=Usual(taps=file.taps, mean=_array(file.usual_mean, (channels,)), spread=spread),
        kinds=file.kinds,
        counts=file.counts,
        means=_array(file.means, (len(file.kinds), 2 * channels)),
        within=file.within,
        temperature=file.temperature,
        sure_from=file.sure_from,
        far_from=file.far_from,
    )


def _flat(values: Array) -> bytes:
    return np.ascontiguousarray(values, _FLOAT).tobytes()


def _array(data: bytes, shape: tuple[int, ...]) -> Array:
    if len(data) != math.prod(shape) * _FLOAT.itemsize:
        raise ValueError(f"{len(data)} bytes are no array of {shape}")
    values = np.frombuffer(data, _FLOAT).reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("an array holds what is no number")
    return values
