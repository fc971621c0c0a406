"""The demo's station file, recipes and models; a stand-in for the shipped packages, which are not run here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.apps.demo.scene.spec import PRODUCTS
from edge.apps.demo.station import Timing, make_demo_station
from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.domain.model import Manifest, ModelKind, Preprocess
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, Recipe, View
from edge.errors import ModelError, RecipeError, UsageError
from edge.settings import station as stations
from edge.store.packages import find_package, write_package
from edge.store.station import StationStore

MODEL = b"not a model, but it has a digest"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    for product in PRODUCTS:
        manifest = Manifest(
            format=1, name=product, version=1, kind=ModelKind.ANOMALY, preprocess=Preprocess(width=64, height=64),
            files={"model.onnx": "0" * 64},
        )  # fmt: skip
        write_package(folder / product / "package", manifest, {"model.onnx": MODEL})
        check = Check(
            name="surface", kind=CheckKind.ANOMALY, model=f"{product}@1",
            model_digest=hashlib.sha256(MODEL).hexdigest(), unsure_from=1.0, ng_from=2.0,
        )  # fmt: skip
        view = View(camera="somewhere", locate=Locate(), checks=(check,))
        recipe = Recipe(name=product, version=1, product=product, views=(view,), gate=GateTiming(travel=500.0))
        (folder / product / "recipe.json").write_bytes(recipes.dump(recipe))
    return folder


def test_a_fresh_folder_becomes_a_station(tmp_path: Path, shipped: Path) -> None:
    made = make_demo_station(
        tmp_path / "demo", product="ring", rate_per_min=300, language="en", port=8123, models=shipped
    )
    station = stations.load(made.file)
    assert (station.name, station.panel.port, station.panel.language) == ("demo", 8123, "en")
    assert station.camera[0].triggered
    assert station.camera[0].rate_fps == 5.0
    assert (made.recipe.name, made.recipe.version) == ("ring", 1)
    store = StationStore(station.data_dir / "station.db", clock=SystemClock())
    recipe = store.recipe("ring", 1)
    store.close()
    assert recipe.ref == made.recipe
    assert recipe.views[0].camera == station.camera[0].name
    assert recipe.gate.travel == 800.0
    for product in PRODUCTS:
        assert find_package(station.models_dir, f"{product}@1").model_path.read_bytes() == MODEL


def test_again_keeps_what_is_there_and_follows_the_options(tmp_path: Path, shipped: Path) -> None:
    first = make_demo_station(tmp_path / "demo", models=shipped)
    assert make_demo_station(tmp_path / "demo", models=shipped) == first
    other = make_demo_station(tmp_path / "demo", models=shipped, travel_ms=900.0)
    assert other.recipe.version == 2
    assert make_demo_station(tmp_path / "demo", models=shipped).recipe == first.recipe


def test_the_run_folder_fits_into_socket_addresses(tmp_path: Path, shipped: Path) -> None:
    deep = tmp_path / ("deep" * 12) / ("down" * 12)
    station = stations.load(make_demo_station(deep, models=shipped).file)
    assert len(str(station.run_dir)) <= 70


@pytest.mark.parametrize("rate", [60.0, 300.0, 400.0])
def test_the_relay_drops_before_the_next_part_is_at_the_gate(rate: float) -> None:
    timing = Timing.at(rate, hold_ms=40.0)
    closest_ms = 0.94 * 60_000 / rate
    # Killed at the very end of a pass pulse, with the last toggle just made: the next part must find it dropped.
    assert 40.0 + timing.safe_ms + 20.0 <= closest_ms
    assert timing.time_gap_ms + timing.heartbeat_ms < timing.safe_ms


@pytest.mark.parametrize("rate", [60.0, 250.0, 300.0, 333.0, 400.0, 430.0, 600.0])
def test_every_rate_gives_a_station_file_that_loads(tmp_path: Path, shipped: Path, rate: float) -> None:
    line = stations.load(make_demo_station(tmp_path / "demo", models=shipped, rate_per_min=rate).file).line
    if rate > 400:  # no relay is quick enough for such a pitch and hold: nothing is claimed
        assert line.longest_hold_ms is None
        return
    hold_ms = GateTiming(travel=500.0).after_ms
    assert line.longest_hold_ms is not None
    assert line.longest_hold_ms >= hold_ms


def test_wrong_wishes(tmp_path: Path, shipped: Path) -> None:
    with pytest.raises(UsageError):
        make_demo_station(tmp_path / "demo", models=shipped, product="brick")
    with pytest.raises(UsageError):
        make_demo_station(tmp_path / "demo", models=shipped, rate_per_min=601)
    (shipped / "ring" / "package" / "model.onnx").write_bytes(b"changed")
    with pytest.raises(ModelError):
        make_demo_station(tmp_path / "demo", models=shipped)
    (shipped / "ring" / "recipe.json").unlink()
    with pytest.raises(RecipeError):
        make_demo_station(tmp_path / "demo", models=shipped)
