"""Model packages: what a manifest says. A package is a folder: manifest.json, model.onnx, golden/, CARD.md."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import TypeAdapter

from edge.domain.part import check_name
from edge.domain.strict import read
from edge.errors import ModelError

MAX_MANIFEST_BYTES = 1_000_000
_STRICT: dict[str, str] = {"extra": "forbid"}


class ModelKind(StrEnum):
    ANOMALY = "anomaly"
    CLASSIFICATION = "classification"


class Resize(StrEnum):
    STRETCH = "stretch"  # to the input size, whatever the shape
    FIT = "fit"  # aspect ratio kept, the rest padded with the mean


class Input(StrEnum):
    """What the graph takes, by the name of its one input."""

    IMAGE = "image"  # float32 (1, 3, height, width): resized and normalised before
    REGION = "region"  # uint8 (1, any height, any width, 3), BGR: the graph does all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """From a BGR uint8 picture (H, W, 3) to what the network sees, float32 (1, 3, height, width).

    Resized (by area when it shrinks), optionally to RGB, then `(value - mean) / std` per channel, values 0 to 255.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    width: int
    height: int
    mean: tuple[float, float, float] = (127.0, 127.0, 127.0)
    std: tuple[float, float, float] = (128.0, 128.0, 128.0)
    rgb: bool = True
    resize: Resize = Resize.STRETCH

    def __post_init__(self) -> None:
        if not (8 <= self.width <= 4096 and 8 <= self.height <= 4096):
            raise ModelError(f"model input of {self.width} x {self.height} px", hint="use 8 to 4096")
        if not all(math.isfinite(value) for value in self.mean + self.std) or min(self.std) <= 0:
            raise ModelError("preprocessing mean and std must be finite, std positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A part with a known answer: its picture (path inside the package), its score, and the verdict it must get."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    file: str
    score: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the package promises. `files`: path -> SHA-256 (64 hex) of every file but the manifest itself.

    input: who does what `preprocess` says, we or the graph; older manifests do not name it, then it is we.
    Anomaly models: outputs `score` (1,) and `map` (1,1,h,w), higher is worse.
    Classification: output `probabilities` (1, classes) that sum to 1.
    tolerance: how far a golden score may be off (relative to max(1, |score|)).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    format: int
    name: str
    version: int
    kind: ModelKind
    preprocess: Preprocess
    files: dict[str, str]
    classes: tuple[str, ...] = ()
    unsure_from: float = 0.0
    ng_from: float = 0.0
    golden: tuple[Golden, ...] = ()
    tolerance: float = 1e-3
    training: dict[str, str | int | float | bool] | None = None
    input: Input = Input.IMAGE

    def __post_init__(self) -> None:
        check_name(self.name, "model")
        if self.format != 1:
            raise ModelError(f"model {self.name}: package format {self.format}", hint="this release reads format 1")
        if "model.onnx" not in self.files or len(self.files) > 10_000:
            raise ModelError(f"model {self.name}: the manifest must list model.onnx and at most 10,000 files")
        for path in (*self.files, *(golden.file for golden in self.golden)):
            if path.startswith("/") or ".." in path.split("/") or "\\" in path or "\0" in path or len(path) > 200:
                raise ModelError(f"model {self.name}: {path[:60]!r} leaves the package")
        if self.kind is ModelKind.CLASSIFICATION and not 2 <= len(self.classes) <= 1000:
            raise ModelError(f"model {self.name}: a classifier names 2 to 1000 classes")
        if self.input is Input.REGION and self.preprocess.resize is not Resize.STRETCH:
            raise ModelError(f"model {self.name}: a graph that takes regions stretches them", hint="use resize stretch")
        if not 0 < self.tolerance <= 0.1:
            raise ModelError(f"model {self.name}: tolerance {self.tolerance} is outside 0 to 0.1")

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


_ADAPTER = TypeAdapter(Manifest)


def load_manifest(data: bytes) -> Manifest:
    """A manifest from its JSON. ModelError says what is wrong and where."""
    return read(_ADAPTER, data, MAX_MANIFEST_BYTES, "the model's manifest", ModelError)


def dump_manifest(manifest: Manifest) -> bytes:
    """An input that older releases know too is not named, so that they can read the manifest."""
    unnamed = {"input"} if manifest.input is Input.IMAGE else None
    return _ADAPTER.dump_json(manifest, indent=1, exclude=unnamed)
