"""Recipes through the API: listed, whole, revised into new versions, and the picture for drawing regions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.panel.desk import Desk, line_state, recipe

WHO = {"by": "Lan", "reason": "too strict"}


def revise(desk: Desk, version: int = 1, **changes: Any) -> Any:
    return desk.client().post(f"/api/v1/recipes/biscuit/{version}/revise", json={**WHO, **changes})


def check(**changes: Any) -> dict[str, Any]:
    return {"views": [{"camera": "top", "checks": [{"name": "surface", **changes}]}]}


def test_the_list_names_the_newest_and_the_active(desk: Desk) -> None:
    desk.books.station.add_recipe(recipe())
    desk.hear(line_state(active=desk.ref))
    rows = desk.client().get("/api/v1/recipes").json()["recipes"]
    assert [(row["version"], row["newest"], row["active"]) for row in rows] == [(2, True, False), (1, False, True)]


def test_a_recipe_whole(desk: Desk) -> None:
    found = desk.client().get("/api/v1/recipes/biscuit/1").json()
    assert found["row"]["author"] == "anna"
    assert found["recipe"]["views"][0]["checks"][0]["ng_from"] == 3.0
    assert found["recipe"]["views"][0]["locate"]["template"] == "iVBOR_8="
    for path in ("/api/v1/recipes/biscuit/2", "/api/v1/recipes/none/1"):
        assert desk.client().get(path).status_code == 404
    assert desk.client().get("/api/v1/recipes/biscuit/0").status_code == 422


def test_a_revision_is_a_new_version(desk: Desk) -> None:
    region = {"x": 10, "y": 20, "width": 100, "height": 50}
    mask = {"points": [[0, 0], [5, 0], [5, 5]]}
    answer = revise(desk, **check(unsure_from=1.5, ng_from=4.0, region=region, ignore=[mask]),
                    gate={"travel": 700}, rules=[{"ng": 3, "of": 3, "action": "stop"}])  # fmt: skip
    assert answer.status_code == 201, answer.text
    row, made = answer.json()["row"], answer.json()["recipe"]
    assert (row["version"], row["author"], row["reason"], row["newest"]) == (2, "Lan", "too strict", True)
    surface = made["views"][0]["checks"][0]
    assert (surface["unsure_from"], surface["ng_from"], surface["region"]) == (1.5, 4.0, region)
    assert surface["ignore"] == [{"points": [[0.0, 0.0], [5.0, 0.0], [5.0, 5.0]]}]
    assert (made["gate"]["travel"], made["rules"][0]["action"]) == (700.0, "stop")
    assert desk.books.station.recipe("biscuit", 1) == desk.books.station.recipe("biscuit", 1)
    assert desk.books.station.audit(1)[0].action == "recipe.added"


def test_what_is_left_out_stays_and_null_takes_away(desk: Desk) -> None:
    region = {"x": 1, "y": 2, "width": 30, "height": 40}
    assert revise(desk, **check(region=region)).status_code == 201
    kept = revise(desk, 2, **check(ng_from=9)).json()["recipe"]["views"][0]["checks"][0]
    assert kept["region"] == region
    gone = revise(desk, 3, **check(region=None)).json()["recipe"]["views"][0]["checks"][0]
    assert (gone["region"], gone["ng_from"]) == (None, 9.0)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (check(unsure_from=5.0), 422, "above NG"),
        (check(name="other"), 422, "no check other"),
        ({"views": [{"camera": "side"}]}, 422, "no view side"),
        ({"views": [{"camera": "top"}, {"camera": "top"}]}, 422, "twice"),
        (check(region={"x": 200, "y": 0, "width": 100, "height": 10}), 422, "outside the part picture"),
        (check(region={"x": -1, "y": 0, "width": 10, "height": 10}), 422, "outside a picture"),
        (check(ignore=[{"points": [[0, 0], [1, 1]]}]), 422, "3 to 64 corners"),
        ({"gate": {"travel": 0}}, 422, "travel"),
        ({"gate": {"travel": 800, "speed": 3}}, 422, "speed"),
        ({"rules": [{"ng": 5, "of": 3}]}, 422, "NG rule"),
        ({"reason": ""}, 422, "reason"),
        ({}, 409, "nothing is changed"),
        (check(ng_from=3.0), 409, "nothing is changed"),
    ],
)
def test_what_cannot_be_is_refused_in_words(desk: Desk, changes: dict[str, Any], code: int, words: str) -> None:
    answer = revise(desk, **changes)
    assert answer.status_code == code, answer.text
    assert words in answer.json()["message"]
    assert len(desk.books.station.recipes()) == 1


def test_only_the_newest_version_can_be_revised(desk: Desk) -> None:
    assert revise(desk, **check(ng_from=4)).status_code == 201
    late = revise(desk, 1, **check(ng_from=5))
    assert late.status_code == 409
    assert late.json()["hint"] == "start from biscuit@2"
    assert revise(desk, 7, **check(ng_from=5)).status_code == 404


def test_the_picture_for_drawing_regions(desk: Desk) -> None:
    answer = desk.client().get("/api/v1/recipes/biscuit/1/picture/top")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == (desk.data / "images/2026-01-01/L1/8.jpg").read_bytes()
    assert desk.client().get("/api/v1/recipes/biscuit/1/picture/side").status_code == 404
    desk.books.station.add_recipe(recipe())
    assert desk.client().get("/api/v1/recipes/biscuit/2/picture/top").status_code == 200, "of the version before"
    desk.books.station.add_recipe(recipe("carton"))
    none = desk.client().get("/api/v1/recipes/carton/1/picture/top")
    assert none.status_code == 404
    assert "let some parts pass" in none.json()["hint"]


def test_there_is_no_picture_before_line_and_recorder_ran(empty: Desk) -> None:
    assert empty.client().get("/api/v1/recipes/biscuit/1/picture/top").status_code == 503
