"""Build a backbone's ONNX graph from its weights: batch norm folded, padding explicit, bytes reproducible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.errors import ModelError
from models.tools.efficientnet_lite import (
    BATCH_NORM_EPSILON,
    RELU6_MAX,
    STEM_CHANNELS,
    STEM_STRIDE,
    Block,
    Variant,
    blocks_of,
    same_padding,
)

INPUT_NAME: Final = "image"
OPSET: Final = 17
IR_VERSION: Final = 8  # the one that goes with opset 17; newer ones shut out older runtimes
_ZERO: Final = "zero"
_SIX: Final = "six"

Weights = Mapping[str, NDArray[np.generic]]


def build_model(variant: Variant, weights: Weights) -> onnx.ModelProto:
    """The network from `image` (float32 NCHW, `(rgb - 127) / 128`, sides multiples of 32) to the variant's taps.

    Raises ModelError if a weight is missing, has another shape than the architecture says, or is not finite.
    """
    graph = _Graph(weights)
    value = graph.convolution(
        INPUT_NAME, "stem", ("_conv_stem", "_bn0"), (STEM_CHANNELS, 3, 3, 3), stride=STEM_STRIDE, clip=True
    )
    for block in blocks_of(variant):
        value = _add_block(graph, value, block)
    model = helper.make_model(
        helper.make_graph(graph.nodes, variant.name, [_input()], _outputs(variant), initializer=graph.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="models.tools.convert_backbone",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def model_bytes(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same model, on every machine."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _add_block(graph: _Graph, value: str, block: Block) -> str:
    name = f"block{block.index}"
    prefix = f"_blocks.{block.index}."
    mid, kernel = block.channels_mid, block.kernel
    inside = value
    if block.expands:
        inside = graph.convolution(
            value,
            f"{name}.expand",
            (f"{prefix}_expand_conv", f"{prefix}_bn0"),
            (mid, block.channels_in, 1, 1),
            clip=True,
        )
    inside = graph.convolution(
        inside,
        f"{name}.depthwise",
        (f"{prefix}_depthwise_conv", f"{prefix}_bn1"),
        (mid, 1, kernel, kernel),
        stride=block.stride,
        groups=mid,
        clip=True,
    )
    project = f"{name}.project"
    layers = (f"{prefix}_project_conv", f"{prefix}_bn2")
    shape = (block.channels_out, mid, 1, 1)
    if not block.residual:
        return graph.convolution(inside, project, layers, shape, output=block.tap)
    return graph.add(graph.convolution(inside, project, layers, shape), value, f"{name}.add", output=block.tap)


class _Graph:
    """Collects nodes and initializers; every method returns the name of the value it made."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = [
            _initializer(_ZERO, np.zeros((), np.float64)),
            _initializer(_SIX, np.full((), RELU6_MAX, np.float64)),
        ]

    def convolution(
        self,
        value: str,
        name: str,
        layers: tuple[str, str],
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        clip: bool = False,
        output: str | None = None,
    ) -> str:
        """A convolution with the batch norm that follows it (`layers`) folded in, and ReLU6 after it if `clip`."""
        kernel, bias = fold_batch_norm(self._weights, layers[0], layers[1], shape)
        self.initializers += [_initializer(f"{name}.weight", kernel), _initializer(f"{name}.bias", bias)]
        before, after = same_padding(shape[2], stride)
        result = output or name
        self.nodes.append(
            helper.make_node(
                "Conv",
                [value, f"{name}.weight", f"{name}.bias"],
                [result],
                name=name,
                group=groups,
                kernel_shape=[shape[2], shape[3]],
                pads=[before, before, after, after],
                strides=[stride, stride],
            )
        )
        if not clip:
            return result
        self.nodes.append(helper.make_node("Clip", [result, _ZERO, _SIX], [f"{name}.relu6"], name=f"{name}.relu6"))
        return f"{name}.relu6"

    def add(self, left: str, right: str, name: str, *, output: str | None) -> str:
        self.nodes.append(helper.make_node("Add", [left, right], [output or name], name=name))
        return output or name


def fold_batch_norm(
    weights: Weights, convolution: str, norm: str, shape: tuple[int, int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel (out, in/groups, k, k) and bias (out,) of a convolution that includes its batch norm, as float64.

    Only element-wise arithmetic, which IEEE 754 rounds alike everywhere: a BLAS sum would differ between machines.
    """
    channels = (shape[0],)
    kernel = _take(weights, f"{convolution}.weight", shape)
    gamma = _take(weights, f"{norm}.weight", channels)
    beta = _take(weights, f"{norm}.bias", channels)
    mean = _take(weights, f"{norm}.running_mean", channels)
    variance = _take(weights, f"{norm}.running_var", channels)
    if (variance < 0).any():
        raise ModelError(f"{norm}.running_var has a negative variance")
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return kernel * scale[:, None, None, None], beta - mean * scale


def _take(weights: Weights, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = weights.get(name)
    if found is None:
        raise ModelError(f"the weights have no {name}", hint="they belong to another network")
    if found.shape != shape or found.dtype != np.float32:
        raise ModelError(
            f"{name} is {found.dtype} {found.shape} where float32 {shape} belongs",
            hint="the weights belong to another network",
        )
    if not np.isfinite(found.astype(np.float64)).all():
        raise ModelError(f"{name} holds values that are not finite")
    return found.astype(np.float64)


def _initializer(name: str, values: NDArray[np.float64]) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.astype("<f4").tobytes(), raw=True)


def _input() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["batch", 3, "height", "width"])


def _outputs(variant: Variant) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(
            tap.name,
            TensorProto.FLOAT,
            ["batch", tap.channels, f"height_{tap.stride_px}", f"width_{tap.stride_px}"],
        )
        for tap in variant.taps
    ]
