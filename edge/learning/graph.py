"""Backbone and Gaussians as one ONNX graph: float32 `image` in, `score` (1,) and `map` (1, 1, h, w) out.

Only standard operators of opset 17. What is linear is done on the few components instead of on all channels: the
projection is a 1x1 convolution and comes before the pooling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.domain.model import Preprocess
from edge.learning.backbone import Backbone
from edge.learning.padim import PadimFit, TapFit, smoothing_kernel
from edge.learning.part_mask import PartMask

_OPSET = 17
_IR_VERSION = 8
_IMAGE = "image"


def build_model(backbone: Backbone, preprocess: Preprocess, fit: PadimFit, mask: PartMask | None = None) -> bytes:
    """The file model.onnx, checked. mask: what of the picture the backbone is to see (None: all)."""
    base = onnx.load_from_string(backbone.onnx)
    parts = _Parts()
    before = _masked(parts, base.graph, preprocess, mask) if mask else []
    height, width = fit.map_size
    total = ""
    for tap in fit.taps:
        squared = _tap(parts, tap)
        if tap.mean.shape[1:] != (height, width):
            squared = _enlarged(parts, squared, height, width)
        total = parts.node("Add", [total, squared]) if total else squared
    if fit.mask is not None:
        total = parts.node("Mul", [total, parts.constant(fit.mask[None, None])])
    heat = _smoothed(parts, parts.node("Sqrt", [total]))
    parts.node("Identity", [heat], output="map")
    parts.node("ReduceMax", [heat], output="score", axes=[1, 2, 3], keepdims=0)
    shape = [1, 3, preprocess.height, preprocess.width]
    graph = helper.make_graph(
        [*before, *base.graph.node, *parts.nodes],
        "padim",
        [helper.make_tensor_value_info(_IMAGE, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, height, width]),
        ],
        [*base.graph.initializer, *parts.constants],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, producer_name="edge", opset_imports=opset, ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


class _Parts:
    """Collects nodes and constants; every method returns the name of the value it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._count = 0
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        self._count += 1
        name = output or f"padim.{self._count}.{kind.lower()}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        name = f"padim.constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _masked(
    parts: _Parts, backbone: onnx.GraphProto, preprocess: Preprocess, mask: PartMask
) -> list[onnx.NodeProto]:  # fmt: skip
    """Nodes that put the mean picture beside the part; the backbone then takes their result as its picture.

    What concerns constants only is done once, when the model is loaded.
    """
    middle = parts.constant(np.array(preprocess.mean, np.float32).reshape(1, 3, 1, 1))
    spread = parts.constant(np.array(preprocess.std, np.float32).reshape(1, 3, 1, 1))
    levels = parts.node("Cast", [parts.constant(mask.mean)], to=TensorProto.FLOAT)
    beside = parts.node("Div", [parts.node("Sub", [levels, middle]), spread])
    share = parts.node("Cast", [parts.constant(mask.keep)], to=TensorProto.FLOAT)
    share = parts.node("Div", [share, parts.constant(np.array(255, np.float32))])
    part = parts.node("Mul", [share, parts.node("Sub", [_IMAGE, beside])])
    seen = parts.node("Add", [beside, part])
    for node in backbone.node:
        for place, name in enumerate(node.input):
            if name == _IMAGE:
                node.input[place] = seen
    first, parts.nodes = parts.nodes, []
    return first


def _tap(parts: _Parts, tap: TapFit) -> str:
    """Squared distances (1, 1, h, w) of one tap."""
    kept, height, width = tap.mean.shape
    weights = parts.constant(tap.projection[:, :, None, None])
    value = parts.node("Conv", [tap.tap, weights, parts.constant(tap.offset)], kernel_shape=[1, 1])
    if tap.pooled:
        value = _mirrored(parts, value, 1)
        value = parts.node("AveragePool", [value], kernel_shape=[3, 3], strides=[1, 1])
    value = parts.node("Sub", [value, parts.constant(tap.mean[None])])
    value = parts.node("Reshape", [value, parts.constant(np.array([kept, height * width], np.int64))])
    value = parts.node("Transpose", [value], perm=[1, 0])
    value = parts.node("Reshape", [value, parts.constant(np.array([height * width, 1, kept], np.int64))])
    whiten = tap.whiten.reshape(height * width, kept, kept).transpose(0, 2, 1)
    value = parts.node("MatMul", [value, parts.constant(whiten)])
    value = parts.node("ReduceSumSquare", [value], axes=[2], keepdims=0)
    return parts.node("Reshape", [value, parts.constant(np.array([1, 1, height, width], np.int64))])


def _mirrored(parts: _Parts, value: str, cells: int) -> str:
    pads = parts.constant(np.array([0, 0, cells, cells] * 2, np.int64))
    return parts.node("Pad", [value, pads], mode="reflect")


def _enlarged(parts: _Parts, value: str, height: int, width: int) -> str:
    sizes = parts.constant(np.array([1, 1, height, width], np.int64))
    mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return parts.node("Resize", [value, "", "", sizes], **mode)


def _smoothed(parts: _Parts, value: str) -> str:
    """A Gaussian, first down then across."""
    kernel = smoothing_kernel()
    value = _mirrored(parts, value, len(kernel) // 2)
    down = parts.constant(kernel.reshape(1, 1, -1, 1))
    across = parts.constant(kernel.reshape(1, 1, 1, -1))
    return parts.node("Conv", [parts.node("Conv", [value, down]), across])
