"""Recipes from outside: strict, bounded, and the same bytes everywhere."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain import recipe as recipes
from edge.domain.geometry import Polygon, Rect
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, LocateKind, NgRule, PictureLimits, Recipe, View
from edge.errors import EdgeError, RecipeError


def make_check(**changes: object) -> Check:
    facts = {
        "name": "surface",
        "kind": CheckKind.ANOMALY,
        "model": "biscuit@1",
        "model_digest": "ab" * 32,
        "unsure_from": 2.0,
        "ng_from": 3.0,
    }
    return Check(**(facts | changes))  # type: ignore[arg-type]


def make_recipe(**changes: object) -> Recipe:
    mask = Polygon(points=((0, 0), (5, 0), (5, 5)))
    view = View(
        camera="top",
        locate=Locate(kind=LocateKind.BLOB, rotate=True, template=b"\x89PNG\xff\x00"),
        checks=(make_check(ignore=(mask,), region=Rect(x=1, y=2, width=30, height=40)),),
        picture=PictureLimits(
            patch=Rect(x=0, y=0, width=40, height=20), brightness_min=50, brightness_max=90, focus_min=10
        ),
    )
    facts = {
        "name": "biscuit",
        "version": 1,
        "product": "Biscuit",
        "views": (view,),
        "gate": GateTiming(travel=800.0),
        "rules": (NgRule(ng=3, of=3),),
    }
    return Recipe(**(facts | changes))  # type: ignore[arg-type]


def test_a_recipe_survives_its_json() -> None:
    recipe = make_recipe()
    assert recipes.load(recipes.dump(recipe)) == recipe


def test_the_digest_is_of_what_is_judged() -> None:
    recipe = make_recipe()
    renamed = dataclasses.replace(recipe, author="an", reason="first", created_at="2026-01-01")
    assert renamed.ref.digest == recipe.ref.digest
    other = dataclasses.replace(recipe, gate=GateTiming(travel=801.0))
    assert other.ref.digest != recipe.ref.digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("colour",), "red"),
        (("version",), 0),
        (("version",), "one"),
        (("name",), "../etc"),
        (("views",), []),
        (("views", 0, "checks", 0, "unsure_from"), 9.0),
        (("views", 0, "checks", 0, "ng_from"), "NaN"),
        (("views", 0, "checks", 0, "model_digest"), "zz"),
        (("views", 0, "checks", 0, "model"), "biscuit"),
        (("views", 0, "checks", 0, "region", "x"), -1),
        (("views", 0, "locate", "kind"), "magic"),
        (("views", 0, "locate", "min_area_px"), 0),
        (("views", 0, "not_before_ms"), 100.0),
        (("views", 0, "picture", "brightness_min"), 200.0),
        (("gate", "travel"), 0.0),
        (("rules", 0, "of"), 1),
    ],
)
def test_what_is_wrong_is_refused_with_words(path: tuple[str | int, ...], value: object) -> None:
    plain = json.loads(recipes.dump(make_recipe()))
    place = plain
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(RecipeError) as caught:
        recipes.load(json.dumps(plain).encode())
    assert len(caught.value.message) > 10


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with pytest.raises(EdgeError):
        recipes.load(data)


def test_too_large_a_recipe_is_not_even_parsed() -> None:
    with pytest.raises(RecipeError, match="bytes"):
        recipes.load(b" " * (recipes.MAX_RECIPE_BYTES + 1))
