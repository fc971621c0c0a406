"""What the bench's chain judges: pictures of 1080p, and anomaly models that take about so long here.

The models are made as the demo's are: the backbone with position-wise Gaussians behind it, only at an input size at
which this machine needs the wanted time. Their limits let every part pass: the bench measures how fast, not how well.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import draw_spec
from edge.bus.ring import Pixels
from edge.clock import MS
from edge.domain.model import Manifest, ModelKind, Preprocess
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, Recipe, View
from edge.inference.preprocess import Preprocessor
from edge.inference.session import Graph, SessionOptions
from edge.learning.backbone import Backbone, Extractor, load_backbone
from edge.learning.graph import build_model
from edge.learning.padim import FeatureStore, fit
from edge.store.packages import Package, write_package

WIDTH, HEIGHT = 1920, 1080
CAMERA = "top"
LIGHT_MS, HEAVY_MS = 10.0, 55.0
TRAVEL_MS = 1000.0
APART_NS = MS  # parts come no closer, and their pictures are taken in windows that do not overlap
_WINDOW_MS = 0.4
PICTURES = 6
_PRODUCT, _SEED = "biscuit", 7
_PROBE_PX, _PROBE_RUNS = 224, 25
_LARGEST_PX = 1024
_NEVER = 1e9  # a score that no part reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """frames: (1080, 1920, 3) BGR uint8 each. side_px: of the model's square input."""

    name: str
    package: Package
    recipe: Recipe
    side_px: int


def draw_frames(count: int = PICTURES) -> list[Pixels]:
    """Parts of the virtual line, its picture continued at both sides up to 1920 px."""
    renderer = Renderer(_PRODUCT, _SEED, (HEIGHT, HEIGHT * 4 // 3))
    width = renderer.size[1]
    left = (WIDTH - width) // 2
    frames = []
    for n in range(1, count + 1):
        spec = draw_spec(_PRODUCT, n, _SEED, 0.0)
        picture = renderer.frame([(spec, width / 2)], 0.0, n, n)
        wide = cv2.copyMakeBorder(picture, 0, 0, left, WIDTH - width - left, cv2.BORDER_REFLECT_101)
        frames.append(np.ascontiguousarray(wide, np.uint8))
    return frames


def make_trials(folder: Path, frames: list[Pixels], options: SessionOptions, names: tuple[str, ...]) -> list[Trial]:
    """The `light` model of about 10 ms, the `heavy` one of 50 ms or more, as wanted."""
    backbone = load_backbone()
    sides_px = {"light": side_for(backbone, LIGHT_MS, options), "heavy": side_for(backbone, HEAVY_MS, options)}
    return [_trial(folder, name, backbone, sides_px[name], frames) for name in names]


def side_for(backbone: Backbone, wanted_ms: float, options: SessionOptions) -> int:
    """The side of the square input at which a run takes about that long: time grows with the area."""
    names = tuple(tap.name for tap in backbone.taps)
    graph = Graph(backbone.onnx, backbone.name, names, options)
    tensor = np.zeros((1, 3, _PROBE_PX, _PROBE_PX), np.float32)
    times_ms = []
    for _ in range(_PROBE_RUNS):
        started_ns = time.monotonic_ns()
        graph.run(tensor)
        times_ms.append((time.monotonic_ns() - started_ns) / 1e6)
    step = backbone.multiple_px
    usual_ms = statistics.quantiles(times_ms, n=4)[0]  # the lower quartile: other work on the machine only adds
    side = _PROBE_PX * (wanted_ms / usual_ms) ** 0.5
    return int(min(_LARGEST_PX, max(2 * step, round(side / step) * step)))


def _trial(folder: Path, name: str, backbone: Backbone, side_px: int, frames: list[Pixels]) -> Trial:
    preprocess = backbone.preprocess(side_px, side_px)
    manifest = Manifest(
        format=1,
        name=name,
        version=1,
        kind=ModelKind.ANOMALY,
        preprocess=preprocess,
        files={"model.onnx": "0" * 64},
        unsure_from=_NEVER,
        ng_from=_NEVER,
    )
    package = write_package(folder / f"{name}@1", manifest, {"model.onnx": _graph(backbone, preprocess, frames)})
    return Trial(name=name, package=package, recipe=_recipe(name, package), side_px=side_px)


def _graph(backbone: Backbone, preprocess: Preprocess, frames: list[Pixels]) -> bytes:
    extractor, preprocessor = Extractor(backbone), Preprocessor(preprocess)
    store = FeatureStore(backbone.taps)
    for frame in frames:
        store.add(extractor.features(preprocessor.tensor(frame)))
    return build_model(backbone, preprocess, fit(store))


def _recipe(name: str, package: Package) -> Recipe:
    check = Check(
        name="surface",
        kind=CheckKind.ANOMALY,
        model=package.manifest.reference,
        model_digest=package.model_digest,
        unsure_from=_NEVER,
        ng_from=_NEVER,
    )
    view = View(
        camera=CAMERA,
        locate=Locate(width_px=WIDTH, height_px=HEIGHT),
        checks=(check,),
        not_before_ms=-_WINDOW_MS,
        not_after_ms=_WINDOW_MS,
    )
    return Recipe(name=name, version=1, product="bench", views=(view,), gate=GateTiming(travel=TRAVEL_MS))
