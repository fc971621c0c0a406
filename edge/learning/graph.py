"""Backbone and Gaussians as one ONNX graph.

What is linear is done on the few components instead of on all channels: the projection is a 1x1 convolution and comes
before the pooling.
"""

from __future__ import annotations

import onnx

from edge.domain.model import Input, Preprocess
from edge.learning.backbone import Backbone
from edge.learning.graph_input import before_backbone, input_of
from edge.learning.graph_parts import GraphParts, finished
from edge.learning.padim import PadimFit, TapFit
from edge.learning.part_mask import PartMask


def build_model(backbone: Backbone, preprocess: Preprocess, fit: PadimFit, mask: PartMask | None = None) -> bytes:
    """The file model.onnx, checked, which takes the `image`. mask: what of it the backbone is to see (None: all)."""
    base = onnx.load_from_string(backbone.onnx)
    parts = GraphParts("padim")
    takes = input_of(Input.IMAGE, preprocess)
    before = before_backbone(parts, base.graph, Input.IMAGE, preprocess, mask)
    height, width = fit.map_size
    total = ""
    for tap in fit.taps:
        squared = _tap(parts, tap)
        if tap.mean.shape[1:] != (height, width):
            squared = parts.enlarged(squared, 1, height, width)
        total = parts.node("Add", [total, squared]) if total else squared
    if fit.mask is not None:
        total = parts.node("Mul", [total, parts.constant(fit.mask[None, None])])
    heat = parts.smoothed(parts.node("Sqrt", [total]))
    return finished(parts, base.graph, takes=takes, before=before, heat=heat, map_size=fit.map_size)


def _tap(parts: GraphParts, tap: TapFit) -> str:
    """Squared distances (1, 1, h, w) of one tap."""
    kept, height, width = tap.mean.shape
    weights = parts.constant(tap.projection[:, :, None, None])
    value = parts.node("Conv", [tap.tap, weights, parts.constant(tap.offset)], kernel_shape=[1, 1])
    if tap.pooled:
        value = parts.pooled(value)
    value = parts.node("Sub", [value, parts.constant(tap.mean[None])])
    value = parts.node("Reshape", [value, parts.shape(kept, height * width)])
    value = parts.node("Transpose", [value], perm=[1, 0])
    value = parts.node("Reshape", [value, parts.shape(height * width, 1, kept)])
    whiten = tap.whiten.reshape(height * width, kept, kept).transpose(0, 2, 1)
    value = parts.node("MatMul", [value, parts.constant(whiten)])
    value = parts.node("ReduceSumSquare", [value], axes=[2], keepdims=0)
    return parts.node("Reshape", [value, parts.shape(1, 1, height, width)])
