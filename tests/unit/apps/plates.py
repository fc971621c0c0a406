"""A station that has taught drawn plates: the folder that teaching made, corrected once, and its station file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2

from edge.cli import main
from edge.clock import ManualClock
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe
from edge.errors import EXIT_OK
from edge.learning.backbone import FAST
from edge.store.packages import import_package
from edge.store.station import StationStore
from tests.unit.learning import made
from tests.unit.learning.test_correct import spotted, stained

COUNT = 13  # fewer are seen again a little moved, which takes longer
SPOT = {"x": 73, "y": 81, "width": 15, "height": 15}
WHO = ("--by", "An", "--reason", "seen at the line")


def put(path: Path, picture: made.Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def teach_twelve(folder: Path) -> Path:
    """FOLDER/plate, as `edge teach` makes it of an MVTec layout with 12 pictures."""
    for number in range(12):
        put(folder / "plates" / "train" / "good" / f"plate {number}.png", made.good(number))
    words = ["teach", str(folder / "plates"), "--name", "plate", "--out", str(folder / "plate")]
    assert main([*words, "--backbone", FAST, "--size", "144", "--rate", "0.05"]) == EXIT_OK
    return folder / "plate"


def teach(folder: Path) -> Path:
    """FOLDER/plate@1, as `edge teach` makes it."""
    for number in range(COUNT):
        put(folder / "good" / f"plate {number}.png", made.good(number))
    words = ["teach", str(folder / "good"), "--name", "plate", "--out", str(folder / "plate@1")]
    assert main([*words, "--backbone", FAST, "--size", "144", "--rate", "0.05"]) == EXIT_OK
    return folder / "plate@1"


def correct(taught: Path) -> Path:
    """plate@2 beside it: stain.png was called good, spot.png defective at SPOT, and usual.png is a limit sample."""
    folder = taught.parent
    put(folder / "judged" / "stain.png", stained(40))
    put(folder / "judged" / "spot.png", spotted(40))
    put(folder / "judged" / "usual.png", made.good(70))
    place = ",".join(str(side) for side in SPOT.values())
    words = ["--good", str(folder / "judged" / "stain.png"), "--defect", f"{folder / 'judged' / 'spot.png'}@{place}"]
    words += ["--limit-good", str(folder / "judged" / "usual.png")]
    assert main(["learning", "correct", str(taught), "--out", str(folder / "plate@2"), *WHO, *words]) == EXIT_OK
    return folder / "plate@2"


def changed(source: Path, target: Path, **check: Any) -> Path:
    """A recipe file with another check; `view` changes the view instead."""
    told = json.loads((source / "recipe.json").read_bytes())
    told["views"][0] |= check.pop("view", {})
    told["views"][0]["checks"][0] |= check
    target.write_text(json.dumps(told))
    return target


def station(folder: Path, width: int = made.WIDTH, height: int = made.HEIGHT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "station.toml"
    path.write_text(
        f'name = "hall"\ndata_dir = "data"\nrun_dir = "run"\n[[camera]]\nname = "top"\nkind = "folder"\n'
        f'source = "{folder}"\nwidth = {width}\nheight = {height}\nrate_fps = 10.0\n'
    )
    return path


def install(folder: Path, taught: Path) -> Recipe:
    """As proposing does: in data_dir/taught, in models_dir, and its recipe in station.db."""
    data = folder / "data"
    shutil.copytree(taught, data / "taught" / taught.name)
    import_package(taught / "package", data / "models")
    return add_recipe(folder, recipes.load((taught / "recipe.json").read_bytes()))


def add_recipe(folder: Path, recipe: Recipe) -> Recipe:
    store = StationStore(folder / "data" / "station.db", clock=ManualClock())
    try:
        ref = store.add_recipe(recipe)
        return store.recipe(ref.name, ref.version)
    finally:
        store.close()
