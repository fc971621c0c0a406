"""The demo's station: its file, and a data folder with the three products' recipes and models."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import edge
from edge.apps.demo.conveyor import speed_mm_s
from edge.apps.demo.scene.spec import PRODUCTS, check_product
from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.errors import ModelError, RecipeError
from edge.service import private_directory
from edge.settings import station as stations
from edge.store.packages import import_package
from edge.store.station import StationStore

CAMERA = "top"
NAME = "demo"
_LONGEST_RUN_DIR = 60
_BODY_MS = 25.0  # what the gate feels of a part on each side of its middle, and a little
_AUTHOR = "edge demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStation:
    """recipe: the version of the chosen product that fits this station."""

    file: Path
    recipe: RecipeRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of `[line]` that depend on how close the parts come, in ms.

    A killed `line` leaves its outputs standing. So that the relay drops before the next part is at the gate,
    T_safe must be shorter than the pitch less what the gate holds and feels; and a stalled gate thread must
    notice (time_gap) before the relay does. Above 400 parts a minute both cannot be had with a hold of 40 ms:
    there T_safe is as short as a busy laptop can keep.
    """

    safe_ms: float
    heartbeat_ms: float
    time_gap_ms: float
    pitch_ms: float | None = None  # None: too close for the relay, so nothing can be promised to the station file

    @classmethod
    def at(cls, rate_per_min: float, hold_ms: float) -> Timing:
        pitch_ms = float(int(0.94 * 60_000 / rate_per_min))
        room_ms = pitch_ms - hold_ms - _BODY_MS
        safe_ms = float(int(max(75.0, min(150.0, room_ms))))
        heartbeat_ms = 10.0 if safe_ms < 100 else 20.0
        return cls(
            safe_ms=safe_ms,
            heartbeat_ms=heartbeat_ms,
            time_gap_ms=min(50.0, safe_ms - 2 * heartbeat_ms),
            pitch_ms=pitch_ms if safe_ms <= room_ms else None,
        )


def make_demo_station(
    folder: Path,
    *,
    product: str = "biscuit",
    rate_per_min: float = 300.0,
    travel_ms: float = 800.0,
    language: str = "vi",
    port: int = 8080,
    name: str = NAME,
    models: Path | None = None,
) -> DemoStation:
    """Write `folder`/station.toml anew, and what its data folder lacks. No service of this station may be running.

    Errors: UsageError for a product, rate or name that cannot be; ModelError when the shipped models are not there.
    """
    check_product(product)
    speed_mm_s(rate_per_min)
    folder = private_directory(folder).resolve()
    file = folder / "station.toml"
    shipped = {name: _shipped(models or demo_models(), name, travel_ms) for name in PRODUCTS}
    timing = Timing.at(rate_per_min, shipped[product].gate.after_ms)
    file.write_text(_toml(folder, name, rate_per_min, travel_ms, timing, language, port), encoding="utf-8")
    station = stations.load(file)
    private_directory(station.data_dir)
    for each in PRODUCTS:
        import_package((models or demo_models()) / each / "package", station.models_dir)
    store = StationStore(station.data_dir / "station.db", clock=SystemClock())
    try:
        refs = {each: _keep(store, recipe) for each, recipe in shipped.items()}
    finally:
        store.close()
    return DemoStation(file=file, recipe=refs[product])


def demo_models() -> Path:
    """The demo's recipes and models: in the checkout, or where an installation puts them. ModelError when neither."""
    places = (
        Path(edge.__file__).resolve().parent.parent / "models" / "demo",
        Path(sys.prefix) / "share/edge/models/demo",
    )
    for place in places:
        if place.is_dir():
            return place
    raise ModelError("the demo's models are not installed", hint=f"looked in {places[0]} and {places[1]}")


def _shipped(models: Path, product: str, travel_ms: float) -> Recipe:
    """The recipe as shipped, for this station's camera and belt."""
    path = models / product / "recipe.json"
    try:
        recipe = recipes.load(path.read_bytes())
    except OSError as error:
        raise RecipeError(
            f"the recipe {path} cannot be read: {error}", hint="install the demo's models again"
        ) from error
    views = tuple(replace(view, camera=CAMERA) for view in recipe.views)
    gate = replace(recipe.gate, travel=travel_ms)
    return replace(recipe, name=product, views=views, gate=gate, author=_AUTHOR, reason="shipped with the demo")


def _keep(store: StationStore, recipe: Recipe) -> RecipeRef:
    """The version in the store that judges the same; a new one when there is none."""
    for row in store.recipes():
        if row.ref.name == recipe.name and row.ref.digest == replace(recipe, version=row.ref.version).ref.digest:
            return row.ref
    return store.add_recipe(recipe)


def _run_dir(folder: Path) -> Path:
    """Beside the data when its path is short enough for sockets, else in the system's folder for such things."""
    beside = folder / "run"
    if len(os.fsencode(beside)) <= _LONGEST_RUN_DIR:
        return beside
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"edge-demo-{mark}"


def _toml(
    folder: Path, name: str, rate_per_min: float, travel_ms: float, timing: Timing, language: str, port: int
) -> str:  # fmt: skip
    pitch = "# Parts come too close for the relay: no min_pitch_ms (docs/decisions/0005)."
    if timing.pitch_ms is not None:
        pitch = f"min_pitch_ms = {timing.pitch_ms}\nbody_ms = {_BODY_MS}"
    return f"""# Written by edge demo at each start.
name = "{name}"
data_dir = "data"
run_dir = "{_run_dir(folder)}"

[line]
port = "simulated"
trigger = "sensor"
gate = "pass_pulse"
max_travel_ms = {travel_ms + 200}
min_gap_ms = 40
{pitch}
safe_ms = {timing.safe_ms}
heartbeat_ms = {timing.heartbeat_ms}
time_gap_ms = {timing.time_gap_ms}
ledger_reserve_mb = 8

[[camera]]
name = "{CAMERA}"
kind = "virtual"
width = 800
height = 600
rate_fps = {rate_per_min / 60}
slots = 16
triggered = true

[recorder]
budget_mb = 500

[panel]
port = {port}
language = "{language}"
"""
