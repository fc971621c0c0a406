"""Changes of recipes: proposed, approved, brought in with a lot, rolled back; and what the line is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.bus import wire
from edge.domain import recipe as recipes
from edge.domain.change import Action, Way
from edge.domain.part import Mode
from edge.domain.recipe import GateTiming, NgRule
from edge.errors import ModelError, NotThere, RecipeError, Refused, ServiceError
from edge.panel.changes import ALONE
from tests.unit.panel.changing import REPORT, Shop, corrected, installed
from tests.unit.panel.desk import Desk, recipe


@pytest.fixture
def shop(desk: Desk) -> Shop:
    return Shop(desk)


def test_proposing_installs_and_keeps_and_activates_nothing(shop: Shop) -> None:
    desk = shop.desk
    change = shop.proposed()
    assert installed(desk, "biscuit@2").is_dir()
    state = shop.changes.one(change)
    assert (state.recipe_from, state.recipe_to, state.proposed_by) == ("biscuit@1", "biscuit@2", "Lan")
    check = desk.books.station.recipe("biscuit", 2).views[0].checks[0]
    assert (check.model, check.unsure_from, check.ng_from) == ("biscuit@2", 1.5, 2.5)
    assert desk.books.station.report_of(change) == REPORT
    assert shop.line.asked == []
    assert [row.action for row in desk.books.station.audit(2)] == ["change.proposed", "recipe.added"]


def test_of_a_proposal_only_what_a_detector_knows_is_taken_over(shop: Shop) -> None:
    """A detector knows no gate: one that was taught says 800 ms as a placeholder, and the engineer set it since."""
    station = shop.desk.books.station
    view = replace(recipe().views[0], not_after_ms=90.0)
    old = station.add_recipe(
        replace(recipe(), gate=GateTiming(travel=1234), rules=(NgRule(ng=3, of=3),), views=(view,))
    )
    shop.line.say(active=old)
    change = shop.proposed("biscuit@2", product="renamed")
    made = station.recipe(*_split(shop.changes.one(change).recipe_to))
    assert (made.gate.travel, made.rules, made.product) == (1234, (NgRule(ng=3, of=3),), "Biscuit")
    assert made.views[0].not_after_ms == 90.0
    assert made.author == "Lan"


def test_what_differs_is_said_for_the_approver(shop: Shop) -> None:
    shop.proposed()
    (row,) = shop.desk.client().get("/api/v1/changes").json()["changes"]
    assert row["differs"] == ["top/surface: model", "top/surface: limits"]


@pytest.mark.parametrize("active", [True, False])
def test_it_follows_the_active_recipe_of_its_name_else_the_newest(shop: Shop, active: bool) -> None:
    station = shop.desk.books.station
    newest = station.add_recipe(replace(recipe(), gate=GateTiming(travel=900)))
    if not active:
        shop.line.say(active=None)
    change = shop.proposed()
    assert shop.changes.one(change).recipe_from == ("biscuit@1" if active else str(newest))


def test_another_product_follows_what_is_active(shop: Shop) -> None:
    change = shop.proposed("ring@1", name="ring", product="Ring")
    state = shop.changes.one(change)
    assert (state.recipe_from, state.recipe_to) == ("biscuit@1", "ring@1")
    made = shop.desk.books.station.recipe("ring", 1)
    assert (made.product, made.gate) == ("Ring", recipe().gate)


def test_what_cannot_be_proposed(shop: Shop) -> None:
    with pytest.raises(NotThere):
        shop.changes.propose("biscuit@7", by="Lan", reason="x")
    shop.teach("biscuit@3")
    (shop.desk.data / "taught/biscuit@3/package/model.onnx").write_bytes(b"altered")
    with pytest.raises(ModelError):
        shop.changes.propose("biscuit@3", by="Lan", reason="x")
    package = shop.teach("biscuit@4", model=b"four")
    wrong = replace(corrected(package), views=recipe().views)
    (shop.desk.data / "taught/biscuit@4/recipe.json").write_bytes(recipes.dump(wrong))
    with pytest.raises(RecipeError, match="does not use"):
        shop.changes.propose("biscuit@4", by="Lan", reason="x")
    assert shop.changes.all() == []
    assert len(shop.desk.books.station.recipes()) == 1


def test_proposing_the_same_again_changes_nothing_and_is_refused(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    with pytest.raises(Refused, match="changes nothing"):
        shop.changes.propose("biscuit@2", by="Lan", reason="again")


def test_a_version_that_only_knows_more_limit_samples_can_be_proposed(shop: Shop) -> None:
    """Its model and limits are the ones before; later corrections start from it."""
    shop.changes.approve(shop.proposed(), by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    change = shop.proposed("biscuit@3")
    (row, _) = shop.desk.client().get("/api/v1/changes").json()["changes"]
    assert (row["change"], row["differs"]) == (change, ["top/surface: model"])
    with pytest.raises(Refused, match="changes nothing"):
        shop.changes.propose("biscuit@2", by="Lan", reason="again")


def test_somebody_else_approves(shop: Shop) -> None:
    change = shop.proposed()
    with pytest.raises(Refused, match="who proposed"):
        shop.changes.approve(change, by="lan ", way=Way.LOT)
    shop.desk.books.station.set_preference(ALONE, "yes", by="Minh")
    assert shop.changes.approve(change, by="Lan", way=Way.LOT).stage.value == "approved"


def _split(reference: str) -> tuple[str, int]:
    name, version = reference.split("@")
    return name, int(version)


def _new_lot(shop: Shop, lot: str, by: str = "Hoa") -> dict[str, Any]:
    answer = shop.desk.client().post("/api/v1/line/lot", json={"lot": lot, "by": by})
    assert answer.status_code == 200, answer.text
    shop.changes.settle()
    return dict(answer.json())


# --- with a lot -----------------------------------------------------------------------------------------------


def test_an_approved_change_comes_with_the_next_lot(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.settle()
    _new_lot(shop, "L2")
    assert shop.line.asked == [wire.SetLot(lot="L2", by="Hoa")], "it was not approved"
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.changes.settle()
    assert shop.stage(change) == "approved"
    _new_lot(shop, "L3")
    assert shop.line.asked[-1] == wire.SetLot(lot="L3", by="Hoa", recipe=("biscuit", 2))
    state = shop.changes.one(change)
    assert [event.action for event in state.events] == [Action.PROPOSED, Action.APPROVED, Action.ACTIVATED]
    assert (state.events[-1].by, state.events[-1].reason) == ("Hoa", "lot L3")
    assert shop.desk.books.station.audit(1)[0].action == "change.activated"
    shop.changes.settle()
    assert len(shop.changes.one(change).events) == 3


def test_saying_the_same_lot_again_brings_nothing(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L1")
    assert shop.line.asked == [wire.SetLot(lot="L1", by="Hoa")]
    assert shop.stage(change) == "approved"


def test_while_inference_loads_it_the_lot_waits_and_nobody_says_that_it_is_active(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.line.slow = True
    _new_lot(shop, "L2")
    shop.wait(20)
    shop.changes.settle()
    assert shop.stage(change) == "approved"
    assert shop.desk.client().get("/api/v1/changes").json()["coming_lot"] == "L2"
    shop.line.load()
    shop.changes.settle()
    assert shop.stage(change) == "active"


def test_a_recipe_that_inference_refuses_has_failed_with_its_words(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.line.slow = True
    _new_lot(shop, "L2")
    shop.line.give_up("a golden part is off")
    shop.wait()
    shop.changes.settle()
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].reason) == ("failed", "biscuit@2: a golden part is off")
    _new_lot(shop, "L3")
    assert shop.line.asked[-1] == wire.SetLot(lot="L3", by="Hoa")


def test_a_panel_that_was_killed_meanwhile_reads_it_from_the_line(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.line.slow = True
    _new_lot(shop, "L2")
    shop.desk.use_line(shop.line)  # another panel: it knows nothing of the lot that was set
    shop.line.load()
    shop.changes.settle()
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].by) == ("active", "line")


def test_a_change_of_a_recipe_that_is_not_active_waits(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.line.say(active=replace(shop.desk.ref, version=9))
    _new_lot(shop, "L2")
    assert shop.line.asked == [wire.SetLot(lot="L2", by="Hoa")]
    (row,) = shop.desk.client().get("/api/v1/changes").json()["changes"]
    assert (row["due"], row["stage"]) == (False, "approved")


def test_a_lot_can_be_set_while_changes_cannot_be_read(shop: Shop) -> None:
    shop.desk.books.close()
    (shop.desk.data / "station.db").write_bytes(b"not a database" * 100)
    answer = shop.desk.client().post("/api/v1/line/lot", json={"lot": "L2", "by": "Hoa"})
    assert answer.status_code == 200
    assert "could not be written down" in answer.json()["message"]
    assert shop.line.asked == [wire.SetLot(lot="L2", by="Hoa")]


# --- by hand --------------------------------------------------------------------------------------------------


def _activate(shop: Shop, version: int, name: str = "biscuit") -> tuple[int, str]:
    answer = shop.desk.client().post("/api/v1/line/recipe", json={"name": name, "version": version, "by": "An"})
    return answer.status_code, answer.json()["message"]


def test_an_engineer_activates_a_recipe_that_is_no_change(shop: Shop) -> None:
    shop.desk.books.station.add_recipe(replace(recipe(), gate=GateTiming(travel=900)))
    assert _activate(shop, 2)[0] == 200
    assert shop.line.asked == [wire.ActivateRecipe(name="biscuit", version=2, by="An")]


def test_a_change_is_not_activated_by_hand_before_it_is_in_use(shop: Shop) -> None:
    change = shop.proposed()
    assert _activate(shop, 2) == (409, "biscuit@2 is a change that is not in use (proposed)")
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    assert _activate(shop, 2)[0] == 409, "in the middle of a lot"
    _new_lot(shop, "L2")
    assert _activate(shop, 1)[0] == 200
    assert _activate(shop, 2)[0] == 200, "it was brought into use properly"
    shop.changes.roll_back(change, by="Minh", reason="scratches pass")
    assert _activate(shop, 2)[0] == 409


def test_nor_is_a_recipe_that_was_made_from_it_or_uses_its_model(shop: Shop) -> None:
    shop.proposed()
    proposal = shop.desk.books.station.recipe("biscuit", 2)
    shop.desk.books.station.add_recipe(replace(proposal, gate=GateTiming(travel=700)))
    shop.desk.books.station.add_recipe(replace(proposal, name="other"))
    assert _activate(shop, 3)[0] == 409
    assert _activate(shop, 1, "other")[0] == 409


def test_what_is_set_on_the_line_goes_on_from_what_is_in_use(shop: Shop) -> None:
    """A proposal must not keep the engineer from mending the recipe that runs."""
    shop.proposed()
    browser = shop.desk.client()
    rows = browser.get("/api/v1/recipes").json()["recipes"]
    assert [(row["version"], row["newest"]) for row in rows] == [(2, False), (1, True)]
    wanted = {"by": "An", "reason": "belt", "gate": {"travel": 900}}
    answer = browser.post("/api/v1/recipes/biscuit/1/revise", json=wanted)
    assert (answer.status_code, answer.json()["row"]["version"]) == (201, 3)
    assert _activate(shop, 3)[0] == 200


# --- back -----------------------------------------------------------------------------------------------------


def test_rolling_back_is_one_call(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    shop.changes.roll_back(change, by="Minh", reason="scratches pass")
    assert shop.line.asked[-1] == wire.ActivateRecipe(name="biscuit", version=1, by="Minh")
    assert str(shop.line.state.active) == "biscuit@1"
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].reason) == ("rolled_back", "scratches pass")
    assert shop.desk.books.station.audit(1)[0].action == "change.rolled_back"
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L3")
    assert shop.stage(change) == "active", "and forth again, when quality says so"


def test_what_was_built_on_it_goes_back_with_it(shop: Shop) -> None:
    first = shop.proposed()
    shop.changes.approve(first, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    second = shop.proposed("biscuit@3", model=b"third")
    shop.changes.approve(second, by="Minh", way=Way.LOT)
    _new_lot(shop, "L3")
    assert str(shop.line.state.active) == "biscuit@3"
    shop.changes.roll_back(first, by="Minh", reason="wrong picture")
    assert str(shop.line.state.active) == "biscuit@1"
    assert (shop.stage(first), shop.stage(second)) == ("rolled_back", "rolled_back")
    assert "built on biscuit@2" in shop.changes.one(second).events[-1].reason


def test_rolling_back_what_is_not_running_switches_no_product(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    asked = len(shop.line.asked)
    shop.line.say(active=replace(shop.desk.ref, name="ring"))
    shop.changes.roll_back(change, by="Minh", reason="late")
    assert shop.line.asked[asked:] == []
    assert shop.stage(change) == "rolled_back"


def test_a_line_that_does_not_answer_is_rolled_back_in_no_book(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    shop.line.trouble[wire.ActivateRecipe] = ServiceError("line does not answer")
    with pytest.raises(ServiceError):
        shop.changes.roll_back(change, by="Minh", reason="late")
    assert shop.stage(change) == "active"


def test_a_silent_line_changes_nothing(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    shop.desk.clock.advance_ms(10_000)
    shop.changes.settle()
    with pytest.raises(ServiceError, match="not heard"):
        shop.changes.roll_back(_activated(shop, change), by="Minh", reason="late")


def _activated(shop: Shop, change: str) -> str:
    station = shop.desk.books.station
    station.add_change(shop.changes.one(change).then(Action.ACTIVATED, by="line"))
    return change


def test_the_api_tells_all_of_a_change(shop: Shop) -> None:
    change = shop.proposed()
    browser = shop.desk.client()
    assert browser.post(f"/api/v1/changes/{change}/approve", json={"by": "Lan", "way": "lot"}).status_code == 409
    answer = browser.post(f"/api/v1/changes/{change}/approve", json={"by": "Minh", "way": "lot", "reason": "seen"})
    assert answer.status_code == 200, answer.text
    row = answer.json()
    assert (row["stage"], row["way"], row["approved_by"], row["due"], row["in_use"]) == (
        "approved", "lot", "Minh", True, False,
    )  # fmt: skip
    assert row["may"] == ["withdrawn"]
    assert [(event["action"], event["by"]) for event in row["events"]] == [("proposed", "Lan"), ("approved", "Minh")]
    assert row["has_report"]
    assert browser.get(f"/api/v1/changes/{change}/report").json()["report"]["seen"] == 40
    listed = browser.get("/api/v1/changes").json()
    assert (listed["active"], listed["trial"], listed["coming_lot"]) == ("biscuit@1", False, "")
    gone = browser.post(f"/api/v1/changes/{change}/withdraw", json={"by": "Lan", "reason": "better one comes"})
    assert (gone.json()["stage"], gone.json()["may"]) == ("withdrawn", [])
    assert browser.get(f"/api/v1/changes/{'0' * 32}").status_code == 404
    assert shop.line.asked == []
    assert shop.line.state.mode is Mode.RUN


def test_a_folder_is_named_and_never_a_path(shop: Shop) -> None:
    for name in ("../../etc@1", "a/b@1", "biscuit", ".@1"):
        answer = shop.desk.client().post("/api/v1/changes", json={"folder": name, "by": "Lan", "reason": "x"})
        assert answer.status_code == 422, name


def test_the_first_recipe_of_a_station_comes_with_a_lot_too(shop: Shop) -> None:
    shop.line.say(active=None)
    change = shop.proposed("ring@1", name="ring", product="Ring")
    assert shop.changes.one(change).recipe_from == ""
    shop.changes.approve(change, by="Minh", way=Way.LOT)
    _new_lot(shop, "L2")
    assert (str(shop.line.state.active), shop.stage(change)) == ("ring@1", "active")
    with pytest.raises(Refused, match="no recipe before"):
        shop.changes.roll_back(change, by="Minh", reason="x")
