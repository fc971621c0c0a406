"""What the graphs of all detectors are put together from. Only standard operators of opset 17.

Each has a backbone in it: float32 `image` in, `score` (1,) and `map` (1, 1, h, w) out, higher is worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.domain.model import Preprocess
from edge.learning.padim import smoothing_kernel
from edge.learning.part_mask import PartMask

_OPSET = 17
_IR_VERSION = 8
_IMAGE = "image"


class GraphParts:
    """Collects nodes and constants; every method returns the name of the value it made.

    prefix: of all names, so that none is one of the backbone's.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
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

    def mirrored(self, value: str, cells: int) -> str:
        """(1, C, h, w) with a border of that many cells, mirrored (reflect-101)."""
        return self.node("Pad", [value, self.shape(*[0, 0, cells, cells] * 2)], mode="reflect")

    def pooled(self, value: str) -> str:
        """Averaged over 3 x 3 cells."""
        return self.node("AveragePool", [self.mirrored(value, 1)], kernel_shape=[3, 3], strides=[1, 1])

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

    def masked(self, backbone: onnx.GraphProto, preprocess: Preprocess, mask: PartMask) -> list[onnx.NodeProto]:
        """Nodes that put the mean picture beside the part; the backbone then takes their result as its picture.

        What concerns constants only is done once, when the model is loaded.
        """
        middle = self.constant(np.array(preprocess.mean, np.float32).reshape(1, 3, 1, 1))
        spread = self.constant(np.array(preprocess.std, np.float32).reshape(1, 3, 1, 1))
        levels = self.node("Cast", [self.constant(mask.mean)], to=TensorProto.FLOAT)
        beside = self.node("Div", [self.node("Sub", [levels, middle]), spread])
        share = self.node("Cast", [self.constant(mask.keep)], to=TensorProto.FLOAT)
        share = self.node("Div", [share, self.constant(np.array(255, np.float32))])
        part = self.node("Mul", [share, self.node("Sub", [_IMAGE, beside])])
        seen = self.node("Add", [beside, part])
        for node in backbone.node:
            for place, name in enumerate(node.input):
                if name == _IMAGE:
                    node.input[place] = seen
        first, self.nodes = self.nodes, []
        return first


def finished(
    parts: GraphParts,
    backbone: onnx.GraphProto,
    *,
    before: list[onnx.NodeProto],
    heat: str,
    preprocess: Preprocess,
    map_size: tuple[int, int],
) -> bytes:
    """The file model.onnx, checked. before: nodes ahead of the backbone's. heat: the map (1, 1, h, w)."""
    parts.node("Identity", [heat], output="map")
    parts.node("ReduceMax", [heat], output="score", axes=[1, 2, 3], keepdims=0)
    graph = helper.make_graph(
        [*before, *backbone.node, *parts.nodes],
        parts.prefix,
        [helper.make_tensor_value_info(_IMAGE, TensorProto.FLOAT, [1, 3, preprocess.height, preprocess.width])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, *map_size]),
        ],
        [*backbone.initializer, *parts.constants],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, producer_name="edge", opset_imports=opset, ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
