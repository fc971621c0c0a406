"""What the tests of `edge inspect` judge with: a recipe in a file, its package beside it, pictures, a silent screen."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2

from edge.apps.inspect import inspect as inspecting
from edge.apps.inspect.judge import JudgedPart
from edge.apps.inspect.summary import Summary
from edge.apps.inspect.words import InspectWords
from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe
from edge.service import Stop
from tests.unit.inference import made
from tests.unit.inference.made import Pixels

FRAME_PERIOD_NS = 40_000_000


class Notes:
    """A screen that remembers. `stop_after`: ask to stop when that many parts were shown."""

    def __init__(self, stop: Stop | None = None, stop_after: int = 0) -> None:
        self.parts: list[JudgedPart] = []
        self.summaries: list[Summary] = []
        self.seen: list[tuple[int, int]] = []
        self._stop, self._stop_after = stop, stop_after

    def progress(self, seen: int, total: int) -> None:
        self.seen.append((seen, total))

    def part(self, part: JudgedPart) -> None:
        self.parts.append(part)
        if self._stop and len(self.parts) == self._stop_after:
            self._stop.request()

    def summary(self, summary: Summary) -> None:
        self.summaries.append(summary)


def write_recipe(folder: Path, *, frame: tuple[int, int] = (0, 0), **changes: Any) -> Path:
    """A whole-frame recipe, UNSURE from grey level 100, NG from 150 in any 8 x 8 cell; its package in ./models."""
    folder.mkdir(parents=True, exist_ok=True)
    package = made.package(folder / "models", golden=made.GOLDEN)
    view = made.view((made.check(package, **changes),), frame_width=frame[0], frame_height=frame[1])
    return save(folder, made.recipe(view))


def save(folder: Path, recipe: Recipe) -> Path:
    path = folder / "recipe.json"
    path.write_bytes(recipes.dump(recipe))
    return path


def write_picture(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def write_belt(path: Path, sizes: list[int], *, frames_each: int = 14, width: int = 160, height: int = 96) -> Path:
    """A dark belt that carries bright squares of these sizes past its middle, one by one. 25 frames a second."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (width, height))
    assert video.isOpened()
    empty = made.level(20, width)[:height]
    for _ in range(16):  # what the barrier learns the belt from
        video.write(empty)
    for size, step in itertools.product(sizes, range(frames_each)):
        picture = empty.copy()
        left = round(-size + (width + size) * (step + 1) / frames_each)
        picture[(height - size) // 2 : (height + size) // 2, max(0, left) : max(0, left + size)] = 220
        video.write(picture)
    for _ in range(4):
        video.write(empty)
    video.release()
    return path


def run(source: Path, recipe: Path | str, *, screen: Notes | None = None, **more: Any) -> inspecting.Outcome:
    stop = more.pop("stop", None) or Stop()
    words = InspectWords(more.pop("language", "en"))
    request = inspecting.Request(source=source, recipe=str(recipe), **more)
    return inspecting.run(request, words, screen or Notes(), SystemClock(), stop)
