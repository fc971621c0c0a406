"""Parts that are looked at in another way: the panel has what was taught here taught again, by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from edge.domain import recipe as recipes
from edge.domain.recipe import Locate, Recipe
from edge.errors import EXIT_OK, Refused
from edge.panel import retaught, vocabulary
from edge.panel.seams import Deps
from edge.panel.shapes_jobs import JobState
from edge.settings import station as stations
from edge.store.packages import import_package
from tests.unit.apps import plates
from tests.unit.panel.desk import Desk, recipe

CROP = {"x": 20, "y": 0, "width": 120, "height": 128}


@pytest.fixture
def deps(desk: Desk) -> Deps:
    """The desk's, of a station that has its file; `biscuit@1` was taught there."""
    station = stations.load(plates.station(desk.data.parent))
    (desk.data / "taught" / "biscuit@1").mkdir(parents=True)
    return replace(desk.deps, station=station)


def revise(desk: Desk, deps: Deps, name: str, version: int = 1, **changes: Any) -> Any:
    path = f"/api/v1/recipes/{name}/{version}/revise"
    return desk.client(desk.app(station=deps.station)).post(path, json={"by": "Lan", "reason": "closer", **changes})


def crop(check: str = "surface", **changes: Any) -> dict[str, Any]:
    return {"views": [{"camera": "top", "checks": [{"name": check, "region": CROP, **changes}]}]}


def test_a_moved_crop_is_taught_again(desk: Desk, deps: Deps) -> None:
    assert revise(desk, deps, "biscuit", **crop()).status_code == 201
    file = str(deps.station.file)
    assert desk.jobs.started == [
        ("learning", "refresh", "--station", file, "--by", "Lan", "--reason", "biscuit@2: closer", "--json",
         "--progress")
    ]  # fmt: skip
    assert [row.action for row in desk.books.station.audit(2)] == ["teach.again", "recipe.added"]
    assert revise(desk, deps, "biscuit", 2, **crop(ng_from=9)).status_code == 201
    assert len(desk.jobs.started) == 1, "a limit is no other look"


def test_one_job_that_waits_is_enough(desk: Desk, deps: Deps) -> None:
    assert revise(desk, deps, "biscuit", **crop()).status_code == 201
    wider = CROP | {"width": 130}
    assert revise(desk, deps, "biscuit", 2, **crop(region=wider)).status_code == 201
    assert len(desk.jobs.started) == 1
    desk.jobs.put(1, state=JobState.RUNNING)  # it may have read the recipes already
    assert revise(desk, deps, "biscuit", 3, **crop()).status_code == 201
    assert len(desk.jobs.started) == 2


def test_what_was_not_taught_here_is_left_alone(desk: Desk, deps: Deps) -> None:
    shutil.rmtree(desk.data / "taught")
    assert revise(desk, deps, "biscuit", **crop()).status_code == 201
    assert retaught.at_start(deps) is None
    assert desk.jobs.started == []


def test_a_revision_stands_when_no_job_can_be_started(desk: Desk, deps: Deps) -> None:
    desk.jobs.trouble = Refused("too many jobs wait already", hint="wait")
    assert revise(desk, deps, "biscuit", **crop()).status_code == 201
    desk.jobs.trouble = None
    without = replace(deps, station=desk.station)
    assert retaught.after_revision(without, recipe(), _moved(recipe())) is None
    assert desk.jobs.started == []


def test_the_start_looks_through_once_for_each_camera(desk: Desk, deps: Deps) -> None:
    first = retaught.at_start(deps)
    assert first is not None
    desk.jobs.put(first.id, state=JobState.FAILED)
    again = retaught.at_start(deps)
    assert again is not None, "what failed is tried at the next start"
    desk.jobs.put(again.id, state=JobState.DONE)
    assert retaught.at_start(deps) is None
    other = stations.load(plates.station(desk.data.parent, 80, 64))
    assert retaught.at_start(replace(deps, station=other)) is not None


@pytest.mark.parametrize(
    ("change", "models"),
    [
        ({}, ()),
        ({"locate": replace(recipe().views[0].locate, width_px=200)}, ("biscuit@1",)),
        ({"frame_width": 640, "frame_height": 480}, ()),
    ],
)
def test_what_moves_is_told_of_its_model(change: dict[str, Any], models: tuple[str, ...]) -> None:
    before = recipe()
    after = replace(before, views=(replace(before.views[0], **change),))
    assert retaught.moved(before, after) == models


def test_what_came_of_it(desk: Desk) -> None:
    ask = desk.client().get
    assert ask("/api/v1/retaught").json() == {"job": None, "models": []}
    desk.jobs.start(retaught.KIND, ["learning", "refresh"], "edge")
    assert ask("/api/v1/retaught").json()["job"]["state"] == "waiting"
    looks = [{"what": "region", "was": "-", "now": "1,2,3,4"}]
    replay = {"seen": 3, "lost": ["kept/a.png"], "stopped": [], "flipped": ["kept/b.png"], "verdicts": {"OK": 3}}
    made = {"accepted": False, "model": "a@2", "parent": "a@1", "reason": "why", "changes": looks, "replay": replay,
            "before": {"unsure_from": 1.0, "ng_from": 2.0, "input": [9, 9], "auroc": None}}  # fmt: skip
    trouble = {"message": "no", "hint": ""}
    models = [
        {"recipe": "r@1", "model": "a@1", "changes": looks, "ready": "", "made": made, "trouble": None},
        {"recipe": "r@1", "model": "b@1", "changes": looks, "ready": "b@7", "made": None, "trouble": None},
        {"recipe": "r@2", "model": "c@1", "changes": [], "ready": "", "made": None, "trouble": trouble},
    ]
    desk.jobs.put(1, state=JobState.FAILED, result={"models": models})
    said = ask("/api/v1/retaught").json()["models"]
    assert [(one["made"], one["lost"], one["samples"]) for one in said] == [
        ("", ["kept/a.png"], ["kept/b.png"]), ("b@7", [], []), ("", [], [])
    ]  # fmt: skip
    assert (said[0]["looks"], said[2]["trouble"]) == (looks, trouble)
    desk.jobs.put(1, result={"models": "none"})
    assert ask("/api/v1/retaught").json()["models"] == []


def test_every_other_look_has_a_word() -> None:
    assert {f"locate.{field.name}" for field in fields(Locate)} <= set(vocabulary.LOOKS)


@pytest.mark.system
def test_what_it_starts_teaches_again(desk: Desk, deps: Deps, tmp_path: Path) -> None:
    """The very command, as a process; then it can be proposed."""
    made = plates.teach(tmp_path / "made")
    shutil.copytree(made, desk.data / "taught" / "plate@1")
    import_package(made / "package", deps.station.models_dir)
    desk.books.station.add_recipe(recipes.load((made / "recipe.json").read_bytes()))
    assert revise(desk, deps, "plate", **crop("anomaly")).status_code == 201
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli", *desk.jobs.started[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_OK, done.stderr
    found = json.loads(done.stdout)["models"]
    assert [(one["recipe"], one["model"], one["made"]["model"]) for one in found] == [("plate@2", "plate@1", "plate@2")]
    assert found[0]["changes"] == [{"what": "region", "was": "-", "now": "20,0,120,128"}]
    change = deps.changes.propose("plate@2", by="Lan", reason="closer", follows="plate@2")
    report = json.loads(desk.books.station.report_of(change.change))
    assert (report["parent"], report["changes"]) == ("plate@1", found[0]["changes"])
    client = desk.client(desk.app(station=deps.station))
    desk.jobs.put(1, state=JobState.DONE, result=json.loads(done.stdout))
    said = client.get("/api/v1/retaught").json()["models"]
    assert [(one["model"], one["made"], one["looks"]) for one in said] == [("plate@1", "plate@2", report["changes"])]
    page = client.get("/api/v1/teach/plate@2").json()
    assert (page["again"]["parent"], page["again"]["looks"]) == ("plate@1", report["changes"])
    assert page["again"]["before"] == {
        "unsure_from": report["before"]["unsure_from"],
        "ng_from": report["before"]["ng_from"],
    }


def _moved(before: Recipe) -> Recipe:
    view = before.views[0]
    return replace(before, views=(replace(view, locate=replace(view.locate, width_px=200)),))
