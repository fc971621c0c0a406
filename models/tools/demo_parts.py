"""The demo's parts without its processes: the very pictures that the virtual line's camera would take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from edge.apps.demo import conveyor
from edge.apps.demo.conveyor import Feeder, Placed
from edge.apps.demo.scene.belt import BELT_BOTTOM_PX, BELT_TOP_PX
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import Defect, PartSpec

Image = npt.NDArray[Any]
FRAME = (600, 800)


def placed_parts(product: str, seed: int, defect_rate: float) -> Iterator[Placed]:
    """The parts of a line with this seed, in order. Their distances are the virtual line's; how far the belt has gone
    when the first one comes depends there on when it is started."""
    feeder = Feeder(product=product, seed=seed, defect_rate=defect_rate, min_gap_mm=0.0, limit=0)
    first_mm = 3 * conveyor.PITCH_MM
    feeder.begin(first_mm)
    for number in itertools.count(1):
        yield from feeder.lay(first_mm + number * conveyor.PITCH_MM)


def photograph(renderer: Renderer, placed: Placed) -> Image:
    """(600, 800, 3) BGR uint8, as edge.apps.demo.studio draws it: the part in the middle, its number below."""
    middle_px = renderer.size[1] / 2
    belt_px = placed.at_mm * conveyor.PX_PER_MM * renderer.scale
    return renderer.frame([(placed.spec, middle_px)], belt_px, placed.spec.n, placed.spec.n)


def pictures(product: str, seed: int, parts: int, defect_rate: float) -> Iterator[tuple[PartSpec, Image]]:
    """The first `parts` parts of a line with this seed."""
    renderer = Renderer(product, seed, FRAME)
    for placed in itertools.islice(placed_parts(product, seed, defect_rate), parts):
        yield placed.spec, photograph(renderer, placed)


def upright(product: str, seed: int) -> Image:
    """A good part in the middle of the belt, not turned: what a template is cut from."""
    placed = next(placed_parts(product, seed, 0.0))
    spec = replace(placed.spec, dx_px=0.0, dy_px=0.0, angle_deg=0.0, light=1.0)
    return photograph(Renderer(product, seed, FRAME), replace(placed, spec=spec))


def with_defect(product: str, seed: int, n: int, defect: Defect) -> Image:
    """Part n of that line, with this defect."""
    placed = next(itertools.islice(placed_parts(product, seed, 0.0), n - 1, None))
    return photograph(Renderer(product, seed, FRAME), replace(placed, spec=replace(placed.spec, defect=defect)))


def belt_middle() -> tuple[int, int]:
    """x, y in px where an upright part has its middle."""
    return FRAME[1] // 2, (BELT_TOP_PX + BELT_BOTTOM_PX) // 2
