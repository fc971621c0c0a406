"""Which recipe is in force: asked for, loaded by inference, durable, and only then active."""

from __future__ import annotations

import pytest

from edge.bus.wire import RecipeFailed
from edge.errors import Refused
from edge.line.recipes import Recipes
from edge.settings.station import Line, Station
from tests.unit.line.plant import ready, station_of


def test_a_recipe_is_active_when_it_is_durable_and_not_before() -> None:
    recipes = Recipes(station_of(), "")
    assert recipes.ask("biscuit", 3, by="lan")
    assert recipes.preparing == ("biscuit", 3)
    text = recipes.ready(ready())
    assert text
    assert recipes.active is None
    assert recipes.remembered() == text  # another change of memory meanwhile must not lose it
    assert recipes.ready(ready()) is None  # inference repeats itself
    recipes.committed(ready())
    assert recipes.active == ready()
    assert recipes.preparing is None


def test_what_nobody_asked_for_changes_nothing() -> None:
    recipes = Recipes(station_of(), "")
    assert recipes.ready(ready()) is None
    recipes.ask("biscuit", 4, by="lan")
    assert recipes.ready(ready(version=3)) is None
    assert not recipes.failed(RecipeFailed(name="biscuit", version=3, message="m", hint="h"))
    assert recipes.failed(RecipeFailed(name="biscuit", version=4, message="m", hint="h"))
    assert recipes.preparing is None


def test_the_active_one_stays_when_another_fails() -> None:
    recipes = Recipes(station_of(), "")
    recipes.active = ready(version=3)
    recipes.ask("biscuit", 4, by="lan")
    recipes.failed(RecipeFailed(name="biscuit", version=4, message="m", hint="h"))
    assert recipes.active == ready(version=3)
    assert not recipes.ask("biscuit", 3, by="lan")


@pytest.mark.parametrize(
    ("report", "words"),
    [(ready("side"), "cameras"), (ready(travel=1970), "travel"), (ready("top", "side"), "side")],
)
def test_a_recipe_that_does_not_fit_the_station_is_given_up(report: object, words: str) -> None:
    recipes = Recipes(station_of(Line(max_travel_ms=2000)), "")
    recipes.ask("biscuit", 3, by="lan")
    with pytest.raises(Refused, match=words):
        recipes.ready(report)  # type: ignore[arg-type]
    assert recipes.preparing is None
    assert recipes.active is None


def test_the_ledger_remembers_and_a_damaged_memory_is_no_recipe() -> None:
    recipes = Recipes(station_of(), "")
    recipes.ask("biscuit", 3, by="lan")
    text = recipes.ready(ready())
    assert text is not None
    again = Recipes(station_of(), text)
    assert again.active == ready()
    for damaged in (text[:-5], "{}", "[]", '"x"'):
        broken = Recipes(station_of(), damaged)
        assert broken.active is None
        assert broken.damaged


def test_a_hold_that_outlasts_the_relay_is_refused_where_the_pitch_is_known() -> None:
    line = Line(max_travel_ms=1000, safe_ms=150, heartbeat_ms=20, min_pitch_ms=200, body_ms=25)
    recipes = Recipes(station_of(line), "")
    recipes.ask("biscuit", 3, by="lan")
    with pytest.raises(Refused, match="holds the gate"):
        recipes.ready(ready())
    assert recipes.preparing is None


@pytest.mark.parametrize("changed", [station_of(Line(max_travel_ms=700)), station_of(None, "side")])
def test_a_remembered_recipe_that_the_station_file_no_longer_fits_is_not_taken_up(changed: Station) -> None:
    """Its travel may be longer than the purge now, its hold outlast the relay: as when it is asked for."""
    recipes = Recipes(station_of(), "")
    recipes.ask("biscuit", 3, by="lan")
    text = recipes.ready(ready())
    assert text is not None
    again = Recipes(changed, text)
    assert again.active is None
    assert "biscuit@3" in again.damaged


def test_who_asks_for_the_old_one_while_the_new_one_is_being_committed_gets_the_old_one() -> None:
    recipes = Recipes(station_of(), "")
    recipes.active = ready(version=3)
    recipes.ask("biscuit", 4, by="lan")
    assert recipes.ready(ready(version=4))
    assert recipes.ask("biscuit", 3, by="lan")
    recipes.committed(ready(version=4))
    assert recipes.preparing == ("biscuit", 3)
    assert recipes.ready(ready(version=3))
    assert not recipes.ask("biscuit", 3, by="lan")
