"""The recipe that goes with what was taught: one camera, one anomaly check, limits as taught."""

from __future__ import annotations

from edge.domain.recipe import Check, CheckKind, GateTiming, Recipe, View
from edge.learning.teach import Taught
from edge.store.packages import Package

CHECK = "anomaly"
_TRAVEL_MS = 800.0


def make_recipe(taught: Taught, package: Package, *, name: str, product: str, camera: str = "top") -> Recipe:
    """Version 1. The gate's travel is a placeholder of 800 ms: the station's engineer sets the belt's own."""
    manifest = package.manifest
    check = Check(
        name=CHECK,
        kind=CheckKind.ANOMALY,
        model=manifest.reference,
        model_digest=package.model_digest,
        unsure_from=manifest.unsure_from,
        ng_from=manifest.ng_from,
        region=taught.plan.region,
    )
    width, height = (0, 0) if taught.plan.cut_out else taught.frame_size
    view = View(
        camera=camera,
        locate=taught.plan.locate,
        checks=(check,),
        picture=taught.picture,
        frame_width=width,
        frame_height=height,
    )
    return Recipe(name=name, version=1, product=product, views=(view,), gate=GateTiming(travel=_TRAVEL_MS))
