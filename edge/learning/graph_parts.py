"""What the graphs of all detectors are put together from. Only standard operators.

Each has a backbone in it: a picture in (`edge.learning.graph_input`), `score` (1,) and `map` (1, 1, h, w) out, higher
is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.domain.model import Preprocess
from edge.learning.padim import smoothing_kernel
from edge.learning.part_mask import PartMask

OPSET, OPSET_OF_REGIONS = 17, 18
"""Resizing that skips no pixel came with 18."""
_AXES_ARE_INPUTS = 18
_IR_VERSION = 8


class GraphParts:
    """Collects nodes and constants; every method returns the name of the value it made.

    prefix: of all names, so that none is one of the backbone's.
    """

    def __init__(self, prefix: str, opset: int = OPSET) -> None:
        self.prefix, self.opset = prefix, opset
        self.nodes: list[onnx.NodeProto] = []
        self._count = 0
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        self._count += 1
        name = output or f"{self.prefix}.{self._count}.{kind.lower()}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        name = f"{self.prefix}.constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def shape(self, *sides: int) -> str:
        return self.constant(np.array(sides, np.int64))

    def taken(self) -> list[onnx.NodeProto]:
        """The nodes so far, which then stand here no more."""
        first, self.nodes = self.nodes, []
        return first

    def reduced(self, kind: str, value: str, *axes: int, keepdims: int, output: str = "") -> str:
        """ReduceMax and its like."""
        if self.opset < _AXES_ARE_INPUTS:
            return self.node(kind, [value], output=output, axes=list(axes), keepdims=keepdims)
        return self.node(kind, [value, self.shape(*axes)], output=output, keepdims=keepdims)

    def split(self, value: str, rows: Sequence[int]) -> list[str]:
        """Along the first axis."""
        return self._several("Split", [value, self.shape(*rows)], len(rows), axis=0)

    def quantised(self, value: str) -> list[str]:
        """uint8, its scale and its zero point, by the least and the greatest number."""
        return self._several("DynamicQuantizeLinear", [value], 3)

    def _several(self, kind: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:
        first = self.node(kind, inputs, **attributes)
        outputs = [first, *(f"{first}.{number}" for number in range(1, count))]
        self.nodes[-1].output[:] = outputs
        return outputs

    def mirrored(self, value: str, cells: int) -> str:
        """(1, C, h, w) with a border of that many cells, mirrored (reflect-101)."""
        return self.node("Pad", [value, self.shape(*[0, 0, cells, cells] * 2)], mode="reflect")

    def pooled(self, value: str, *, soft: bool = False) -> str:
        """Averaged over 3 x 3 cells. soft: as twice over 2 x 2, which weighs 1, 2, 1 each way."""
        value = self.mirrored(value, 1)
        for side in (2, 2) if soft else (3,):
            value = self.node("AveragePool", [value], kernel_shape=[side, side], strides=[1, 1])
        return value

    def enlarged(self, value: str, channels: int, height: int, width: int) -> str:
        """(1, channels, height, width), as cv2.resize does it linearly."""
        sizes = self.shape(1, channels, height, width)
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.node("Resize", [value, "", "", sizes], **mode)

    def smoothed(self, value: str) -> str:
        """(1, 1, h, w) after a Gaussian, first down then across."""
        kernel = smoothing_kernel()
        value = self.mirrored(value, len(kernel) // 2)
        down = self.constant(kernel.reshape(1, 1, -1, 1))
        across = self.constant(kernel.reshape(1, 1, 1, -1))
        return self.node("Conv", [self.node("Conv", [value, down]), across])

    def masked(self, image: str, preprocess: Preprocess, mask: PartMask) -> str:
        """(1, 3, H, W), the mean picture beside the part.

        What concerns constants only is done once, when the model is loaded.
        """
        middle = self.constant(np.array(preprocess.mean, np.float32).reshape(1, 3, 1, 1))
        spread = self.constant(np.array(preprocess.std, np.float32).reshape(1, 3, 1, 1))
        levels = self.node("Cast", [self.constant(mask.mean)], to=TensorProto.FLOAT)
        beside = self.node("Div", [self.node("Sub", [levels, middle]), spread])
        share = self.node("Cast", [self.constant(mask.keep)], to=TensorProto.FLOAT)
        share = self.node("Div", [share, self.constant(np.array(255, np.float32))])
        part = self.node("Mul", [share, self.node("Sub", [image, beside])])
        return self.node("Add", [beside, part])


def finished(
    parts: GraphParts,
    backbone: onnx.GraphProto,
    *,
    takes: onnx.ValueInfoProto,
    before: list[onnx.NodeProto],
    heat: str,
    map_size: tuple[int, int],
) -> bytes:
    """The file model.onnx, checked. takes, before: `edge.learning.graph_input`. heat: the map (1, 1, h, w)."""
    parts.node("Identity", [heat], output="map")
    parts.reduced("ReduceMax", heat, 1, 2, 3, output="score", keepdims=0)
    graph = helper.make_graph(
        [*before, *backbone.node, *parts.nodes],
        parts.prefix,
        [takes],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, *map_size]),
        ],
        [*backbone.initializer, *parts.constants],
    )
    opset = [helper.make_opsetid("", parts.opset)]
    model = helper.make_model(graph, producer_name="edge", opset_imports=opset, ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
