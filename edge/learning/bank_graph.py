"""Backbone and memory bank as one ONNX graph.

The projection is a 1x1 convolution and comes before pooling and enlarging, which are linear too and so are done on the
few components. All distances are one matrix product: |x - b|^2 / s = x'(-2 b / s) + |x|^2 / s + |b|^2 / s, with the
squared length of the patch and a one as two more columns. It is done strip by strip of the patches, each so small that
its distances are still in the processor's cache when the least is sought: half of the time (docs/decisions/0016).

With int8 the components, which are most of the product, are whole numbers; place, lengths and the least stay fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto

from edge.domain.model import Input, Preprocess
from edge.learning.backbone import Backbone
from edge.learning.bank import LEAST, Array, BankFit, TapView
from edge.learning.graph_input import before_backbone, input_of
from edge.learning.graph_parts import OPSET_OF_REGIONS, GraphParts, finished
from edge.learning.part_mask import PartMask
from edge.learning.veto import STEEP, Vetoes

_STRIP = 1 << 16  # distances at once: a quarter of a megabyte, half of a small processor's cache
_LEAST_ROWS = 16
_LEAST_SCALE = 1e-12  # an entry at zero is divided by no zero


def build_model(
    backbone: Backbone,
    preprocess: Preprocess,
    fit: BankFit,
    mask: PartMask | None = None,
    vetoes: Vetoes | None = None,
    *,
    int8: bool = False,
) -> bytes:
    """The file model.onnx, checked, which takes the raw `region`. mask: what the backbone is to see (None: all)."""
    base = onnx.load_from_string(backbone.onnx)
    parts = GraphParts("bank", OPSET_OF_REGIONS)
    takes = input_of(Input.REGION, preprocess)
    before = before_backbone(parts, base.graph, Input.REGION, preprocess, mask)
    heat = _heat(parts, fit, vetoes, int8=int8)
    return finished(parts, base.graph, takes=takes, before=before, heat=heat, map_size=fit.space.map_size)


def _heat(parts: GraphParts, fit: BankFit, vetoes: Vetoes | None, *, int8: bool) -> str:
    """The map (1, 1, h, w), of the backbone's taps."""
    height, width = fit.space.map_size
    total = ""
    for number, view in enumerate(fit.space.taps):
        value = _tap(parts, view)
        if number:
            value = parts.enlarged(value, fit.space.components, height, width)
        total = parts.node("Add", [total, value]) if total else value
    far = parts.node("Reshape", [_far(parts, fit, total, int8=int8), parts.shape(1, 1, height, width)])
    if fit.mask is not None:
        far = parts.node("Mul", [far, parts.constant(fit.mask[None, None])])
    heat = parts.smoothed(far)
    return parts.node("Add", [heat, _veto(parts, fit, vetoes, total)]) if vetoes else heat


def _tap(parts: GraphParts, view: TapView) -> str:
    """(1, d, h, w)"""
    weights = parts.constant(view.projection[:, :, None, None])
    value = parts.node("Conv", [view.tap, weights, parts.constant(view.offset)], kernel_shape=[1, 1])
    return parts.pooled(value, soft=view.soft)


def _far(parts: GraphParts, fit: BankFit, components: str, *, int8: bool) -> str:
    """(h * w,) how far each patch is: plain distances up to the level, calibrated ones beyond (`bank.heat`)."""
    if not fit.level:
        return parts.node("Sqrt", _nearest(parts, fit, components, int8=int8))
    found = _nearest(parts, fit, components, int8=int8, plainly=True)
    calibrated, plain = (parts.node("Sqrt", [one]) for one in found)
    level = parts.constant(np.array(fit.level, np.float32))
    beyond = parts.node("Relu", [parts.node("Sub", [calibrated, level])])
    return parts.node("Add", [parts.node("Min", [plain, level]), beyond])


def _nearest(
    parts: GraphParts, fit: BankFit, components: str, *, int8: bool = False, plainly: bool = False
) -> list[str]:  # fmt: skip
    """(h * w,) the least of the squared distances, each over what is usual for its entry; plainly: then once more, over
    what is usual for all. components: (1, d, h, w)."""
    cells = int(np.prod(fit.space.map_size))
    value = parts.node("Reshape", [components, parts.shape(fit.space.components, cells)])
    value = parts.node("Transpose", [value], perm=[1, 0])
    places = fit.space.places
    length = parts.reduced("ReduceSumSquare", value, 1, keepdims=1)
    length = parts.node("Add", [length, parts.constant((places * places).sum(axis=1, keepdims=True))])
    beside = [places] if fit.space.place_weight else []
    columns = parts.constant(np.hstack([*beside, np.ones((cells, 1), np.float32)]))
    terms, bank = [columns, length], _bank(fit)
    if int8:
        product = _in_whole_numbers(parts, fit.space.components, bank)
        inputs = [_strips(parts, one, cells, bank) for one in (value, parts.node("Concat", terms, axis=1))]
    else:
        product = partial(_product, parts, parts.constant(bank))
        inputs = [_strips(parts, parts.node("Concat", [value, *terms], axis=1), cells, bank)]
    distances = [[product(*strip) for strip in zip(*inputs, strict=True)]]
    if plainly:
        even = parts.constant(fit.even)
        distances.append([parts.node("Mul", [one, even]) for one in distances[0]])
    return [_least(parts, strips) for strips in distances]


def _least(parts: GraphParts, strips: list[str]) -> str:
    """(h * w,) of distances (rows, K), strip after strip."""
    value = parts.node("Concat", [parts.reduced("ReduceMin", one, 1, keepdims=0) for one in strips], axis=0)
    return parts.node("Max", [value, parts.constant(np.array([LEAST], np.float32))])


def _strips(parts: GraphParts, value: str, cells: int, bank: Array) -> list[str]:
    """Rows of `value` (cells, ...), so many together that their distances to the bank fit into _STRIP numbers."""
    count = -(-cells // max(_LEAST_ROWS, _STRIP // bank.shape[1]))
    rows = [cells // count + (number < cells % count) for number in range(count)]
    return parts.split(value, rows) if count > 1 else [value]


def _product(parts: GraphParts, bank: str, patches: str) -> str:
    return parts.node("MatMul", [patches, bank])


def _in_whole_numbers(parts: GraphParts, components: int, bank: Array) -> Callable[[str, str], str]:
    """From components (n, d) and terms (n, ...) to distances (n, K). The scale of the bank is each entry's own, that
    of the patches each strip's; a person's runtime may make one operator of it."""
    scale = np.maximum(np.abs(bank[:components]).max(axis=0), _LEAST_SCALE) / 127
    whole = parts.constant(np.rint(bank[:components] / scale).astype(np.int8))
    scales, rest = parts.constant(scale.astype(np.float32)), parts.constant(bank[components:])

    def product(patches: str, terms: str) -> str:
        bytes_, scale_of, zero = parts.quantised(patches)
        value = parts.node("MatMulInteger", [bytes_, whole, zero])
        value = parts.node("Cast", [value], to=TensorProto.FLOAT)
        value = parts.node("Mul", [value, parts.node("Mul", [scale_of, scales])])
        return parts.node("Add", [value, parts.node("MatMul", [terms, rest])])

    return product


def _veto(parts: GraphParts, fit: BankFit, vetoes: Vetoes, components: str) -> str:
    """(1, 1, h, w) what known defects add to the map."""
    (far,) = _nearest(parts, vetoes.as_bank(fit), components)
    near = parts.node("Sub", [parts.constant(np.array(1, np.float32)), far])
    steep = parts.node("Mul", [near, parts.constant(np.array(STEEP, np.float32))])
    bounds = [parts.constant(np.array(bound, np.float32)) for bound in (0, 1)]
    share = parts.node("Reshape", [parts.node("Clip", [steep, *bounds]), parts.shape(1, 1, *fit.space.map_size)])
    height = np.full((1, 1, *fit.space.map_size), vetoes.height, np.float32)
    return parts.node("Mul", [share, parts.constant(height if fit.mask is None else height * fit.mask)])


def _bank(fit: BankFit) -> Array:
    """(D + 2, K): what a patch, a one and the patch's squared length are multiplied with."""
    entries = fit.entries.astype(np.float64)
    rows = [-2 * entries.T, (entries * entries).sum(axis=1)[None], np.ones((1, len(entries)))]
    return np.asarray(np.vstack(rows) / fit.usual, np.float32)
