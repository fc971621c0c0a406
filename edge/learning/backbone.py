"""The network that pictures are looked at with: found, checked, and run for its features.

A backbone is a folder `manifest.json` + `model.onnx` (models/backbone in the checkout). It knows no product; teaching
puts a detector behind it and writes both as one graph.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import edge
from edge.domain.model import Preprocess
from edge.errors import ModelError, UsageError
from edge.inference.preprocess import Tensor
from edge.inference.session import Graph, SessionOptions

DEFAULT = "efficientnet-lite2"
FAST = "efficientnet-lite0"
NAMES = (DEFAULT, FAST)

Features = tuple[NDArray[np.float32], ...]
"""One array (C, h, w) for each tap, finest first."""

_MAX_BYTES = 1_000_000
_PAPERS = ("LICENSE", "NOTICE")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Input(_Strict):
    name: Literal["image"]
    dtype: Literal["float32"]
    layout: Literal["NCHW"]
    channels: Literal[3]
    multiple_of_px: int = Field(ge=1, le=256)


class Tap(_Strict):
    """One output (N, channels, H / stride_px, W / stride_px)."""

    name: str
    dtype: Literal["float32"]
    layout: Literal["NCHW"]
    channels: int = Field(ge=1, le=4096)
    stride_px: int = Field(ge=1, le=64)


class _Preprocessing(_Strict):
    rgb: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    value_range: tuple[Literal[0], Literal[255]]


class _Manifest(_Strict):
    format: Literal[1]
    name: str
    version: int
    kind: Literal["backbone"]
    opset: int
    inputs: Annotated[tuple[_Input, ...], Field(min_length=1, max_length=1)]
    outputs: Annotated[tuple[Tap, ...], Field(min_length=1, max_length=8)]
    preprocessing: _Preprocessing
    source: dict[str, str]
    licence: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """onnx: the graph's bytes. taps: finest first. digest: SHA-256 of the graph, 64 hex. licence: of the weights.

    papers: LICENSE and NOTICE, which go wherever the weights go (Apache-2.0, section 4).
    """

    name: str
    onnx: bytes
    taps: tuple[Tap, ...]
    preprocessing: Any
    multiple_px: int
    digest: str
    licence: str
    papers: dict[str, bytes]

    def preprocess(self, width_px: int, height_px: int) -> Preprocess:
        """How a picture becomes an input of that size. UsageError when the backbone cannot take it."""
        step = self.multiple_px
        if width_px % step or height_px % step or min(width_px, height_px) < 2 * step:
            raise UsageError(
                f"{self.name} takes no picture of {width_px} x {height_px} px",
                hint=f"use multiples of {step}, from {2 * step} on",
            )
        told = self.preprocessing
        return Preprocess(width=width_px, height=height_px, mean=told.mean, std=told.std, rgb=told.rgb)

    def map_size(self, preprocess: Preprocess) -> tuple[int, int]:
        """(h, w) of the finest tap: the size of the anomaly map."""
        stride = self.taps[0].stride_px
        return preprocess.height // stride, preprocess.width // stride


def load_backbone(name: str = DEFAULT, folder: Path | None = None) -> Backbone:
    """The installed backbone of that name. UsageError for an unknown name, ModelError when it is damaged or missing."""
    if name not in NAMES:
        raise UsageError(f"there is no backbone {name[:60]!r}", hint=f"one of: {', '.join(NAMES)}")
    place = (folder or _installed()) / name
    try:
        manifest = _Manifest.model_validate_json((place / "manifest.json").read_bytes()[:_MAX_BYTES])
        onnx = (place / "model.onnx").read_bytes()
        papers = {paper: (place / paper).read_bytes() for paper in _PAPERS if paper in manifest.files}
    except (OSError, ValidationError) as error:
        raise ModelError(f"the backbone {name} cannot be read", hint=f"install it again: {place}") from error
    digest = hashlib.sha256(onnx).hexdigest()
    if digest != manifest.files.get("model.onnx"):
        raise ModelError(f"the backbone {name} is not the one its manifest names", hint="install it again")
    return Backbone(
        name=manifest.name,
        onnx=onnx,
        taps=tuple(sorted(manifest.outputs, key=lambda tap: tap.stride_px)),
        preprocessing=manifest.preprocessing,
        multiple_px=manifest.inputs[0].multiple_of_px,
        digest=digest,
        licence=manifest.licence,
        papers=papers,
    )


class Extractor:
    """Runs a backbone. One thread at a time."""

    def __init__(self, backbone: Backbone, options: SessionOptions | None = None) -> None:
        names = tuple(tap.name for tap in backbone.taps)
        self._graph = Graph(backbone.onnx, f"backbone {backbone.name}", names, options or SessionOptions())

    def features(self, tensor: Tensor) -> Features:
        """tensor: float32 (1, 3, H, W), normalised as the backbone wants it."""
        return tuple(output[0] for output in self._graph.run(tensor))


def _installed() -> Path:
    """In the checkout, or where an installation puts them."""
    places = (
        Path(edge.__file__).resolve().parent.parent / "models" / "backbone",
        Path(sys.prefix) / "share/edge/models/backbone",
    )
    for place in places:
        if place.is_dir():
            return place
    raise ModelError("the backbones are not installed", hint=f"looked in {places[0]} and {places[1]}")
