"""Backbone and memory bank as one ONNX graph.

The projection is a 1x1 convolution and comes before pooling and enlarging, which are linear too and so are done on the
few components. All distances are one matrix product: |x - b|^2 / s = x'(-2 b / s) + |x|^2 / s + |b|^2 / s, with the
squared length of the patch and a one as two more columns.
"""

from __future__ import annotations

import numpy as np
import onnx

from edge.domain.model import Preprocess
from edge.learning.backbone import Backbone
from edge.learning.bank import LEAST, Array, BankFit, TapView
from edge.learning.graph_parts import GraphParts, finished
from edge.learning.part_mask import PartMask
from edge.learning.veto import STEEP, Vetoes


def build_model(
    backbone: Backbone,
    preprocess: Preprocess,
    fit: BankFit,
    mask: PartMask | None = None,
    vetoes: Vetoes | None = None,
) -> bytes:
    """The file model.onnx, checked. mask: what of the picture the backbone is to see (None: all)."""
    base = onnx.load_from_string(backbone.onnx)
    parts = GraphParts("bank")
    before = parts.masked(base.graph, preprocess, mask) if mask else []
    height, width = fit.space.map_size
    total = ""
    for number, view in enumerate(fit.space.taps):
        value = _tap(parts, view)
        if number:
            value = parts.enlarged(value, fit.space.components, height, width)
        total = parts.node("Add", [total, value]) if total else value
    far = parts.node("Sqrt", [_nearest(parts, fit, total)])
    far = parts.node("Reshape", [far, parts.shape(1, 1, height, width)])
    if fit.mask is not None:
        far = parts.node("Mul", [far, parts.constant(fit.mask[None, None])])
    heat = parts.smoothed(far)
    if vetoes:
        heat = parts.node("Add", [heat, _veto(parts, fit, vetoes, total)])
    return finished(parts, base.graph, before=before, heat=heat, preprocess=preprocess, map_size=fit.space.map_size)


def _tap(parts: GraphParts, view: TapView) -> str:
    """(1, d, h, w)"""
    weights = parts.constant(view.projection[:, :, None, None])
    value = parts.node("Conv", [view.tap, weights, parts.constant(view.offset)], kernel_shape=[1, 1])
    return parts.pooled(value)


def _nearest(parts: GraphParts, fit: BankFit, components: str) -> str:
    """(h * w,) the least of the squared distances, each over what is usual for its entry. components: (1, d, h, w)."""
    cells = int(np.prod(fit.space.map_size))
    value = parts.node("Reshape", [components, parts.shape(fit.space.components, cells)])
    value = parts.node("Transpose", [value], perm=[1, 0])
    places = fit.space.places
    length = parts.node("ReduceSumSquare", [value], axes=[1], keepdims=1)
    length = parts.node("Add", [length, parts.constant((places * places).sum(axis=1, keepdims=True))])
    beside = [places] if fit.space.place_weight else []
    columns = parts.constant(np.hstack([*beside, np.ones((cells, 1), np.float32)]))
    value = parts.node("Concat", [value, columns, length], axis=1)
    value = parts.node("MatMul", [value, parts.constant(_bank(fit))])
    value = parts.node("ReduceMin", [value], axes=[1], keepdims=0)
    return parts.node("Max", [value, parts.constant(np.array([LEAST], np.float32))])


def _veto(parts: GraphParts, fit: BankFit, vetoes: Vetoes, components: str) -> str:
    """(1, 1, h, w) what known defects add to the map."""
    far = _nearest(parts, vetoes.as_bank(fit), components)
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
