"""Recipes are loaded when the line wants them, kept while parts need them, and reported until it knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bus.wire import LineState, RecipeFailed, RecipeReady
from edge.clock import SECOND, SystemClock
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.errors import RecipeError
from edge.inference.desk import RecipeDesk
from edge.inference.lanes import Lane, Wake
from edge.inference.loading import LoadedRecipe, ModelShelf, load_recipe
from edge.settings.station import Inference
from edge.store.packages import find_package
from tests.unit.inference import made


def state(active: RecipeRef | None = None, preparing: tuple[str, int] | None = None) -> LineState:
    return LineState(
        epoch=1,
        mode=Mode.RUN,
        permit=True,
        permit_reasons=(),
        active=active,
        preparing=preparing,
        lot="",
        purpose=Purpose.PRODUCTION,
        latched=False,
        bypass_until_ns=0,
        in_flight=0,
        counts={},
    )


class Shelf:
    """Recipes by name and version, loaded with real models; counts the loading."""

    def __init__(self, folder: Path) -> None:
        package = made.package(folder)
        self.recipe = made.recipe(made.view((made.check(package),)))
        self.recipes: dict[tuple[str, int], Recipe] = {
            ("disc", version): replace(self.recipe, version=version) for version in (1, 2)
        }
        self.loads: list[tuple[str, int]] = []
        self._models = ModelShelf(lambda name: find_package(folder, name), Inference(threads=1), SystemClock())

    def load(self, name: str, version: int) -> LoadedRecipe:
        self.loads.append((name, version))
        if (name, version) not in self.recipes:
            raise RecipeError(f"there is no recipe {name}@{version}", hint="see the list")
        return load_recipe(self.recipes[name, version], self._models)

    def ref(self, version: int) -> RecipeRef:
        return self.recipes["disc", version].ref


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def desk(shelf: Shelf) -> Iterator[RecipeDesk]:
    wake = Wake()
    lane = Lane("loader", 1, wake, SystemClock())
    yield RecipeDesk(lane, shelf.load)
    lane.close()
    wake.close()


def _until(desk: RecipeDesk, done: Callable[[list[Any]], bool], now_ns: int = SECOND) -> list[Any]:
    """Tick until `done(reports)`; all reports."""
    reports: list[Any] = []
    until = time.monotonic() + 10
    while not done(reports):
        assert time.monotonic() < until, "it did not happen"
        reports += desk.tick(now_ns, ())
        time.sleep(0.005)
    return reports


def test_a_wanted_recipe_is_loaded_and_reported_until_the_line_has_it(desk: RecipeDesk, shelf: Shelf) -> None:
    desk.line_says(state(preparing=("disc", 1)))
    (report,) = _until(desk, lambda reports: bool(reports))
    assert isinstance(report, RecipeReady)
    assert (report.recipe, report.cameras, report.windows_ms) == (shelf.ref(1), ("top",), ((-20.0, 60.0),))
    assert desk.tick(SECOND, ()) == []
    assert len(desk.tick(int(2.1 * SECOND), ())) == 1
    desk.line_says(state(active=shelf.ref(1)))
    assert desk.tick(5 * SECOND, ()) == []
    assert desk.state() == ("ready", None)
    assert desk.runner(shelf.ref(1), "top") is not None
    assert desk.runner(shelf.ref(1), "side") is None
    assert shelf.loads == [("disc", 1)]


def test_a_recipe_that_cannot_be_loaded_is_reported_and_tried_again(desk: RecipeDesk, shelf: Shelf) -> None:
    desk.line_says(state(preparing=("disc", 9)))
    (report,) = _until(desk, lambda reports: bool(reports))
    assert isinstance(report, RecipeFailed)
    assert (report.name, report.version, report.hint) == ("disc", 9, "see the list")
    assert "disc@9" in report.message
    shelf.recipes["disc", 9] = replace(shelf.recipe, version=9)
    (report,) = _until(desk, lambda reports: bool(reports), now_ns=7 * SECOND)
    while isinstance(report, RecipeFailed):  # the old news once more, then the new
        report = _until(desk, lambda reports: bool(reports), now_ns=20 * SECOND)[-1]
    assert isinstance(report, RecipeReady)


def test_after_a_restart_the_active_recipe_is_loaded(desk: RecipeDesk, shelf: Shelf) -> None:
    assert desk.may_come(shelf.ref(1))  # nothing heard from the line yet
    desk.line_says(state(active=shelf.ref(1)))
    desk.tick(SECOND, ())
    assert desk.state()[0] == "starting"
    assert desk.may_come(shelf.ref(1))
    _until(desk, lambda _: desk.state()[0] == "ready")
    assert not desk.may_come(shelf.ref(2))  # nobody asked for it


def test_a_recipe_that_was_changed_behind_the_line_is_refused(desk: RecipeDesk, shelf: Shelf) -> None:
    other = replace(shelf.ref(1), digest="f" * 16)
    desk.line_says(state(active=other))
    _until(desk, lambda _: desk.state()[0] == "failed")
    alarm = desk.state()[1]
    assert alarm is not None
    assert alarm.code == "recipe_failed"
    assert desk.runner(other, "top") is None


def test_old_versions_stay_while_parts_need_them(desk: RecipeDesk, shelf: Shelf) -> None:
    desk.line_says(state(active=shelf.ref(1), preparing=("disc", 2)))
    _until(desk, lambda reports: bool(reports))
    desk.line_says(state(active=shelf.ref(2)))
    desk.tick(SECOND, (shelf.ref(1),))
    assert desk.runner(shelf.ref(1), "top") is not None
    assert desk.runner(shelf.ref(2), "top") is not None
    desk.tick(SECOND, ())
    assert desk.runner(shelf.ref(1), "top") is None
    assert desk.names == ["disc@2"]


def test_a_part_of_an_unknown_recipe_has_it_loaded(desk: RecipeDesk, shelf: Shelf) -> None:
    """After a restart, parts of the version before may still be in flight."""
    desk.line_says(state(active=shelf.ref(2)))
    until = time.monotonic() + 10
    while desk.runner(shelf.ref(1), "top") is None:
        assert time.monotonic() < until
        desk.tick(SECOND, (shelf.ref(1),))
        time.sleep(0.005)


def test_it_is_not_ready_before_it_knows_which_recipe_the_line_runs(desk: RecipeDesk) -> None:
    """Else the permit would be on for a moment after each start, with nothing loaded."""
    assert desk.state() == ("starting", None)
    desk.line_says(state())
    assert desk.state() == ("ready", None)
