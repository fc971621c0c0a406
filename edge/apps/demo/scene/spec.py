"""What a part is: values, and the draw that picks them. No pixels here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from edge.errors import UsageError

Severity = Literal["gross", "medium", "subtle"]
"""gross: anyone sees it at once; medium: a careful operator sees it; subtle: barely visible."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

DEFECTS: dict[str, tuple[str, ...]] = {
    "biscuit": ("broken", "burnt", "misshapen", "crack", "spot"),
    "ring": ("scratch", "dent", "burr", "stain", "bore"),
    "carton": ("cap_missing", "cap_tilted", "label", "date", "dent"),
}
PRODUCTS: tuple[str, ...] = tuple(DEFECTS)

MAX_ANGLE_DEG: dict[str, float] = {"biscuit": 12.0, "ring": 10.0, "carton": 7.0}
MAX_DX_PX = 6.0
MAX_DY_PX = 6.0
LIGHT_SPREAD = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    kind: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSpec:
    """One part, whole: the same spec is drawn with the same bytes by every renderer of its size.

    `dx_px`, `dy_px`: offset from its slot on the belt (x along the travel, y across), in pixels of the
    800 x 600 frame. `angle_deg`: counter-clockwise as seen in the picture. `light`: gain of its reflection.
    """

    n: int
    product: str
    seed: int
    defect: Defect | None
    dx_px: float
    dy_px: float
    angle_deg: float
    light: float


def check_product(product: str) -> str:
    """Raises UsageError for a product that cannot be drawn."""
    if product not in DEFECTS:
        raise UsageError(f"there is no product named {product!r}", hint=f"one of: {', '.join(PRODUCTS)}")
    return product


def draw_spec(product: str, n: int, seed: int, defect_rate: float) -> PartSpec:
    """The n-th part of a line with this seed. Each part has its own stream, so any part can be drawn alone."""
    check_product(product)
    rng = np.random.default_rng([seed, n])
    dx, dy, turn, light = rng.uniform(-1.0, 1.0, size=4)
    is_defective = bool(rng.random() < defect_rate)
    kind = str(rng.choice(DEFECTS[product]))
    severity = SEVERITIES[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
    return PartSpec(
        n=n,
        product=product,
        seed=seed,
        defect=Defect(kind=kind, severity=severity) if is_defective else None,
        dx_px=float(dx) * MAX_DX_PX,
        dy_px=float(dy) * MAX_DY_PX,
        angle_deg=float(turn) * MAX_ANGLE_DEG[product],
        light=1.0 + float(light) * LIGHT_SPREAD,
    )
