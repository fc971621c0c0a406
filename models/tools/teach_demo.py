"""Teach the demo's models from the virtual line's good parts: `python -m models.tools.teach_demo [PRODUCT...]`.

Everything is seeded. The parts are from lines with seeds that no one starts the demo with, many of them, because each
line has only four kinds of good part.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.apps.demo.scene.belt import RAIL_PATCH
from edge.apps.demo.scene.spec import DEFECTS, PRODUCTS, Defect
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, LocateKind, Polarity
from edge.errors import EXIT_OK, EdgeError
from edge.learning.backbone import FAST, load_backbone
from edge.learning.detector import Method
from edge.learning.package import KnownDefect, png, write_taught
from edge.learning.recipe import make_recipe
from edge.learning.teach import Plan, Taught, Teacher
from edge.store.atomic import new_file
from models.tools.demo_parts import belt_middle, pictures, upright, with_defect

DEFAULT_OUT: Final = Path(__file__).parent.parent / "demo"
_VERSION: Final = 2  # raised whenever a package differs: stations that have the old one keep it beside the new
_FIRST_SEED: Final = 910_000
_LINES: Final = 100
_PARTS: Final = 6  # of each line
_DEFECT_SEED: Final = 920_000
_BELT: Final = Rect(x=100, y=66, width=600, height=480)  # between the rails; no part at the sensor leaves it
_MAX_ANGLE_DEG: Final = 25.0
_RING_TEMPLATE_PX: Final = 380


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """part: width and height of the aligned picture, frame px: the part and what a bulge or burr may add.

    input: width and height of the model's input.
    """

    part: tuple[int, int]
    input: tuple[int, int]
    min_area_px: int


LOOKS: Final[dict[str, Look]] = {
    "biscuit": Look(part=(400, 350), input=(256, 224), min_area_px=30_000),
    "ring": Look(part=(400, 400), input=(256, 256), min_area_px=30_000),
    "carton": Look(part=(384, 384), input=(256, 256), min_area_px=40_000),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.tools.teach_demo", description=__doc__)
    parser.add_argument("product", nargs="*", default=list(PRODUCTS), help=", ".join(PRODUCTS))
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the folder that receives the products' folders")
    chosen = parser.parse_args(arguments)
    try:
        for product in chosen.product:
            print(write(product, chosen.out / product))
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_OK


def write(product: str, folder: Path, *, lines: int = _LINES) -> Path:
    """Teach and write `folder`/package and `folder`/recipe.json, replacing what was there."""
    taught = teach(product, lines=lines)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "package.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    package = write_taught(taught, unfinished, name=product, version=_VERSION, defects=_defects(product))
    shutil.rmtree(folder / "package", ignore_errors=True)
    unfinished.rename(folder / "package")
    recipe = replace(make_recipe(taught, package, name=product, product=product), author="models.tools.teach_demo")
    with new_file(folder / "recipe.json") as file:
        file.write_bytes(recipes.dump(recipe))
    return folder


def teach(product: str, *, lines: int = _LINES) -> Taught:
    backbone = load_backbone(FAST)
    look = LOOKS[product]
    plan = Plan(
        locate=_locate(product, look),
        preprocess=backbone.preprocess(*look.input),
        patch=Rect(**_rect(RAIL_PATCH)),
        trusted=True,
        method=Method.GAUSSIANS,
    )
    teacher = Teacher(plan, backbone)
    for seed in range(_FIRST_SEED, _FIRST_SEED + lines):
        for spec, picture in pictures(product, seed, _PARTS, 0.0):
            teacher.show(picture, f"line {seed} part {spec.n}")
    return teacher.learn()


def _locate(product: str, look: Look) -> Locate:
    """By the outline on the darker belt. A ring's angle is seen by its notch alone, so it needs a picture of it."""
    base = Locate(
        kind=LocateKind.BLOB,
        search=_BELT,
        width_px=look.part[0],
        height_px=look.part[1],
        rotate=True,
        # The strongest channel counts: what is burnt black still reflects some red, or casts a shadow.
        polarity=Polarity.BRIGHT,
        min_area_px=look.min_area_px,
        max_angle_deg=_MAX_ANGLE_DEG,
    )
    return replace(base, template=_ring_template()) if product == "ring" else base


def _ring_template() -> bytes:
    x, y = belt_middle()
    half = _RING_TEMPLATE_PX // 2
    cut = upright("ring", _FIRST_SEED)[y - half : y + half, x - half : x + half]
    return png(np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8))


def _defects(product: str) -> list[KnownDefect]:
    """One gross example of three kinds."""
    kinds = DEFECTS[product][:3]
    return [
        KnownDefect(name=kind, frame=with_defect(product, _DEFECT_SEED, n, Defect(kind=kind, severity="gross")))
        for n, kind in enumerate(kinds, 1)
    ]


def _rect(values: tuple[int, int, int, int]) -> dict[str, int]:
    return dict(zip(("x", "y", "width", "height"), values, strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
