"""Tiny models, packages, recipes and pictures, made here: no test needs a file from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.domain.geometry import Rect
from edge.domain.model import Golden, Manifest, ModelKind, Preprocess
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, Recipe, View
from edge.store.packages import Package, write_package

Pixels = NDArray[np.uint8]
SIDE = 64
CELL = 8
LEVELS = Preprocess(width=SIDE, height=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def anomaly_onnx(side: int = SIDE, *, nan: bool = False, work: int = 0, score_offset: float = 0.0) -> bytes:
    """map: mean grey level of each 8 x 8 cell. score: its maximum (+ offset, or NaN). work: convolutions to be slow."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("ReduceMax", ["cells"], ["peak"], axes=[1, 2, 3], keepdims=0),
    ]
    constants = [onnx.numpy_helper.from_array(np.array([score_offset], np.float32), "offset")]
    if nan:
        constants.append(onnx.numpy_helper.from_array(np.array([-1.0], np.float32), "minus"))
        nodes.append(helper.make_node("Sqrt", ["minus"], ["offset_used"]))
    else:
        nodes.append(helper.make_node("Identity", ["offset"], ["offset_used"]))
    nodes.append(helper.make_node("Add", ["peak", "offset_used"], ["score"]))
    cells = "cells"
    if work:
        weights = np.full((32, 32, 3, 3), 1e-3, np.float32)
        constants.append(onnx.numpy_helper.from_array(np.full((32, 3, 3, 3), 1e-3, np.float32), "first"))
        constants.append(onnx.numpy_helper.from_array(weights, "weights"))
        constants.append(onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
        nodes.append(helper.make_node("Conv", ["image", "first"], ["w0"], pads=[1] * 4))
        for k in range(work):
            nodes.append(helper.make_node("Conv", [f"w{k}", "weights"], [f"w{k + 1}"], pads=[1] * 4))
        nodes.append(helper.make_node("ReduceMax", [f"w{work}"], ["worked"], axes=[1, 2, 3], keepdims=0))
        nodes.append(helper.make_node("Mul", ["worked", "zero"], ["nothing"]))
        nodes.append(helper.make_node("Add", ["cells", "nothing"], ["map"]))
    else:
        nodes.append(helper.make_node("Identity", [cells], ["map"]))
    shape = side // CELL
    outputs = [
        helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, shape, shape]),
    ]
    return _model(nodes, outputs, constants, side)


def region_onnx(side: int = SIDE) -> bytes:
    """The same map and score, of a raw region: (1, height, width, 3) uint8. The size is fixed unless side is SIDE."""
    nodes = [
        helper.make_node("Cast", ["region"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], axes=[3], keepdims=1),
        helper.make_node("Transpose", ["mean"], ["plane"], perm=[0, 3, 1, 2]),
        helper.make_node("Resize", ["plane", "", "", "sizes"], ["grey"], mode="nearest"),
        helper.make_node("AveragePool", ["grey"], ["map"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("ReduceMax", ["map"], ["score"], axes=[1, 2, 3], keepdims=0),
    ]
    constants = [onnx.numpy_helper.from_array(np.array([1, 1, side, side], np.int64), "sizes")]
    outputs = [
        helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, side // CELL, side // CELL]),
    ]
    sides = ["height", "width"] if side == SIDE else [side, side]
    region = helper.make_tensor_value_info("region", TensorProto.UINT8, [1, *sides, 3])
    return _checked(helper.make_graph(nodes, "made", [region], outputs, constants))


def classifier_onnx(classes: int = 3, side: int = SIDE) -> bytes:
    """probabilities: softmax of (mean level of channel k) / 16, in the order of the input's channels."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Div", ["means", "sixteen"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = [onnx.numpy_helper.from_array(np.array([16.0], np.float32), "sixteen")]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, classes])]
    return _model(nodes, outputs, constants, side)


def _model(nodes: list[Any], outputs: list[Any], constants: list[Any], side: int) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    return _checked(helper.make_graph(nodes, "made", [image], outputs, constants))


def _checked(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def manifest(**changes: Any) -> Manifest:
    base = Manifest(
        format=1,
        name="grey",
        version=1,
        kind=ModelKind.ANOMALY,
        preprocess=LEVELS,
        files={"model.onnx": "0" * 64},
        unsure_from=100.0,
        ng_from=150.0,
    )
    return replace(base, **changes)


def package(models_dir: Path, content: bytes | None = None, **changes: Any) -> Package:
    """Written to models_dir/NAME@VERSION, with one golden part: a level picture of 50."""
    made = manifest(**changes)
    golden = cv2.imencode(".png", np.full((SIDE, SIDE, 3), 50, np.uint8))[1].tobytes()
    files: dict[str, bytes | Path] = {"model.onnx": anomaly_onnx() if content is None else content}
    if made.golden:
        files["golden/level.png"] = golden
    return write_package(models_dir / made.reference, made, files)


GOLDEN = (Golden(file="golden/level.png", score=50.0, label="OK"),)


class Named(Protocol):
    """As much of a package as a check names."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def model_digest(self) -> str: ...


def check(of: Named, **changes: Any) -> Check:
    base = Check(
        name="surface",
        kind=CheckKind.ANOMALY,
        model=of.manifest.reference,
        model_digest=of.model_digest,
        unsure_from=100.0,
        ng_from=150.0,
    )
    return replace(base, **changes)


def view(checks: tuple[Check, ...], **changes: Any) -> View:
    base = View(camera="top", locate=whole(SIDE, SIDE), checks=checks)
    return replace(base, **changes)


def whole(width: int, height: int) -> Locate:
    return Locate(search=Rect(x=0, y=0, width=width, height=height), width_px=width, height_px=height)


def recipe(*views: View, name: str = "disc", version: int = 1) -> Recipe:
    return Recipe(name=name, version=version, product="disc", views=views, gate=GateTiming(travel=800))


def level(value: int, side: int = SIDE) -> Pixels:
    return np.full((side, side, 3), value, np.uint8)


def with_spot(x: int, y: int, size: int, *, side: int = SIDE, ground: int = 40, spot: int = 250) -> Pixels:
    picture = level(ground, side)
    picture[y : y + size, x : x + size] = spot
    return picture
