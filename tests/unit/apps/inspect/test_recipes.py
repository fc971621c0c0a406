"""Which recipe, and where its models are found; each thing that does not fit is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.apps.inspect import recipes
from edge.clock import ManualClock, SystemClock
from edge.domain import recipe as recipe_files
from edge.errors import ModelError, RecipeError, StoreError, UsageError
from edge.inference.loading import LoadedRecipe
from edge.settings.station import Station
from edge.store.station import StationStore
from tests.unit.apps.inspect.bench import save, write_recipe
from tests.unit.inference import made


def load(recipe: Path | str, **more: object) -> LoadedRecipe:
    return recipes.load(recipes.Wanted(recipe=str(recipe), **more), SystemClock())  # type: ignore[arg-type]


def test_a_file_with_its_models_beside_it(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    assert str(load(path).ref) == "disc@1"
    shutil.move(tmp_path / "models" / "grey@1", tmp_path / "package")  # one package, as the demo's lie
    assert load(path).models[0].name == "grey@1"
    shutil.move(tmp_path / "package", tmp_path / "grey@1")
    assert load(path).models[0].name == "grey@1"


def test_models_elsewhere(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    shutil.move(tmp_path / "models", tmp_path / "elsewhere")
    assert load(path, models=tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="grey@1 is not there") as caught:
        load(path)
    assert "--models" in caught.value.hint


def test_name_and_version_from_the_stations_database(tmp_path: Path) -> None:
    camera = {"name": "top", "kind": "folder", "width": 64, "height": 64}
    station = Station.model_validate(
        {"name": "st", "data_dir": tmp_path / "data", "run_dir": tmp_path, "camera": [camera]}
    )
    station.data_dir.mkdir()
    package = made.package(station.models_dir, golden=made.GOLDEN)
    store = StationStore(station.data_dir / "station.db", clock=ManualClock())
    store.add_recipe(made.recipe(made.view((made.check(package),))))
    store.close()
    assert str(load("disc@1", station=station).ref) == "disc@1"
    with pytest.raises(RecipeError, match="no recipe disc@9"):
        load("disc@9", station=station)
    (station.data_dir / "station.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError):
        load("disc@1", station=station)


@pytest.mark.parametrize("name", ["gone.json", "folder/gone", "disc", "disc@new", "disc@1"])
def test_names_that_lead_nowhere(name: str) -> None:
    with pytest.raises(UsageError):
        load(name)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "x"}', b"\xff\xfe", b" " * 2_000_001])
def test_unreadable_recipe_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(RecipeError):
        load(tmp_path / "recipe.json")


def test_a_model_that_is_not_the_one_of_the_recipe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    recipe = recipe_files.load(path.read_bytes())
    check = replace(recipe.views[0].checks[0], model_digest="0" * 64)
    save(tmp_path, replace(recipe, views=(replace(recipe.views[0], checks=(check,)),)))
    with pytest.raises(ModelError, match="is not the one"):
        load(path)


def test_a_damaged_package(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    model = tmp_path / "models/grey@1/model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelError):
        load(path)
    shutil.move(tmp_path / "models" / "grey@1", tmp_path / "package")
    with pytest.raises(ModelError, match="is damaged"):
        load(path)


def test_which_view() -> None:
    check = made.check(_Fake())
    one, two = made.view((check,)), made.view((check,), camera="side")
    assert recipes.choose_view(made.recipe(one), None) is one
    assert recipes.choose_view(made.recipe(one, two), "side") is two
    with pytest.raises(UsageError, match="2 views"):
        recipes.choose_view(made.recipe(one, two), None)
    with pytest.raises(UsageError, match="no view of camera 'back'"):
        recipes.choose_view(made.recipe(one), "back")


class _Fake:
    manifest = made.manifest()
    model_digest = "0" * 64
