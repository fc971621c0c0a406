"""What the graphs of detectors begin with: from what comes in to the normalised image that the backbone takes.

`region` is for whoever has onnxruntime and a picture, and nothing of ours: any size, as OpenCV holds it. It shrinks
with every pixel looked at (antialias), in bytes and as the picture lies in memory; at the model's own size, which is
what our pipeline hands over, that step copies and no more. See docs/decisions/0016 for what each order of steps costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge.domain.model import Input, Preprocess
from edge.learning.graph_parts import GraphParts
from edge.learning.part_mask import PartMask


def input_of(takes: Input, preprocess: Preprocess) -> onnx.ValueInfoProto:
    if takes is Input.REGION:
        return helper.make_tensor_value_info(takes.value, TensorProto.UINT8, [1, "height", "width", 3])
    return helper.make_tensor_value_info(
        takes.value, TensorProto.FLOAT, [1, 3, preprocess.height, preprocess.width]
    )  # fmt: skip


def before_backbone(
    parts: GraphParts, backbone: onnx.GraphProto, takes: Input, preprocess: Preprocess, mask: PartMask | None
) -> list[onnx.NodeProto]:
    """Nodes between the input and the backbone, whose own input is replaced by their result. mask: what of the picture
    it is to see (None: all)."""
    seen = _from_region(parts, preprocess) if takes is Input.REGION else takes.value
    if mask:
        seen = parts.masked(seen, preprocess, mask)
    for node in backbone.node:
        for place, name in enumerate(node.input):
            if name == Input.IMAGE:
                node.input[place] = seen
    return parts.taken()


def _from_region(parts: GraphParts, preprocess: Preprocess) -> str:
    """float32 (1, 3, height, width), normalised, channels in the backbone's order."""
    sizes = parts.shape(1, preprocess.height, preprocess.width, 3)
    how: dict[str, Any] = {"mode": "linear", "antialias": 1, "coordinate_transformation_mode": "half_pixel"}
    small = parts.node("Resize", [Input.REGION.value, "", "", sizes], **how)
    planes = parts.node("Transpose", [small], perm=[0, 3, 1, 2])
    if preprocess.rgb:
        planes = parts.node("Gather", [planes, parts.shape(2, 1, 0)], axis=1)
    return _normalised(parts, planes, preprocess)


def _normalised(parts: GraphParts, planes: str, preprocess: Preprocess) -> str:
    """(planes - mean) / std. With a mean of whole levels it is one pass: bytes with a scale and a zero point."""
    mean, std = np.array(preprocess.mean), np.array(preprocess.std)
    if np.array_equal(mean, np.clip(np.rint(mean), 0, 255)):
        scale, zero = (1 / std).astype(np.float32), mean.astype(np.uint8)
        if len(set(zip(scale.tolist(), zero.tolist(), strict=True))) == 1:
            scale, zero = scale[0], zero[0]
        return parts.node("DequantizeLinear", [planes, parts.constant(scale), parts.constant(zero)], axis=1)
    levels = parts.node("Cast", [planes], to=TensorProto.FLOAT)
    middle, spread = (parts.constant(values.astype(np.float32).reshape(1, 3, 1, 1)) for values in (mean, std))
    return parts.node("Div", [parts.node("Sub", [levels, middle]), spread])
