"""A recipe that begins with a lot, and a recipe on trial: what is stamped, what may pass, what a restart remembers."""

from __future__ import annotations

import itertools

import pytest

from edge.bus import wire
from edge.clock import SECOND
from edge.domain.ledger import EventRecord, LineMemory, TriggerRecord
from edge.domain.part import Mode
from edge.domain.verdict import ReasonCode, Verdict
from edge.line.alarms import Alarms
from edge.line.gate_thread import Add, Answer
from edge.line.modes import Modes
from edge.line.orders import Orders
from edge.line.recipes import Recipes
from tests.unit.line.plant import Plant, ready, result

NEW = ("biscuit", 4)


class Desk:
    """A plant that runs biscuit@3 in lot L1, and somebody to give it orders."""

    def __init__(self, mode: Mode = Mode.RUN) -> None:
        self.plant = Plant(mode=mode)
        self.plant.modes.lot = "L1"
        self.alarms = Alarms()
        self.in_force: list[wire.RecipeReady] = []
        plant = self.plant
        self.orders = Orders(
            modes=plant.modes, recipes=plant.recipes, triggers=plant.triggers, flow=plant.flow, journal=plant.journal,
            alarms=self.alarms, clock=plant.clock, recipe_changed=self.in_force.append,
        )  # fmt: skip

    def ask(self, request: wire.Message) -> wire.Reply:
        return self.orders.obey(request)

    def lot(self, lot: str, recipe: tuple[str, int] | None = NEW) -> wire.Reply:
        return self.ask(wire.SetLot(lot=lot, by="lan", recipe=recipe))

    def part(self) -> tuple[str, int]:
        """What a part that comes now is stamped with: lot and version of the recipe."""
        self.plant.clock.advance_ms(300)
        self.plant.edge()
        trigger = self.plant.committer.of(TriggerRecord)[-1]
        assert isinstance(trigger, TriggerRecord)
        assert trigger.recipe is not None
        return trigger.lot, trigger.recipe.version

    @property
    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.alarms.now(self.plant.clock.now_ns())]


def memory_of(plant: Plant) -> LineMemory:
    memory = plant.committer.of(LineMemory)[-1]
    assert isinstance(memory, LineMemory)
    return memory


def test_lot_and_recipe_begin_at_one_moment() -> None:
    """No part of the new lot is judged by the old recipe, and none of the old lot by the new one."""
    desk = Desk()
    assert desk.lot("L2") == wire.Reply(ok=True)
    assert desk.plant.recipes.preparing == NEW
    assert desk.orders.coming_lot == "L2"
    assert desk.part() == ("L1", 3)
    desk.orders.recipe_ready(ready(version=4))
    assert desk.part() == ("L1", 3), "ready, and not durable yet"
    desk.plant.commit()
    assert desk.part() == ("L2", 4)
    assert desk.orders.coming_lot == ""
    assert [report.recipe.version for report in desk.in_force] == [4]


def test_both_are_in_one_commit_and_so_is_what_a_restart_remembers() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.orders.recipe_ready(ready(version=4))
    *_, entries = [job for job, _ in desk.plant.committer.jobs if any(isinstance(each, LineMemory) for each in job)]
    events = [entry for entry in entries if isinstance(entry, EventRecord)]
    assert [(event.kind, event.detail.split()[0]) for event in events] == [("recipe", "biscuit@4"), ("lot", "L2")]
    again = memory_of(desk.plant)
    assert again.lot == "L2"
    active = Recipes(desk.plant.station, again.recipe_ready).active
    assert active is not None
    assert active.recipe.version == 4
    desk.ask(wire.SetMode(mode=Mode.STOPPED, by="lan"))  # another change of memory meanwhile loses neither
    assert memory_of(desk.plant).lot == "L2"
    desk.plant.commit()
    assert desk.plant.modes.lot == "L2"


def test_a_restart_does_not_forget_the_lot_that_waits() -> None:
    desk = Desk()
    desk.lot("L2")
    assert memory_of(desk.plant).coming_lot == "L2"
    assert memory_of(desk.plant).lot == "L1"
    desk.ask(wire.SetMode(mode=Mode.STOPPED, by="lan"))
    assert memory_of(desk.plant).coming_lot == "L2"
    desk.orders.recipe_ready(ready(version=4))
    assert (memory_of(desk.plant).lot, memory_of(desk.plant).coming_lot) == ("L2", "")
    other = Desk()
    other.lot("L2")
    other.lot("L3", None)
    assert (memory_of(other.plant).lot, memory_of(other.plant).coming_lot) == ("L3", "")


def test_a_recipe_that_inference_refuses_leaves_the_old_one_and_the_lot_begins() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.orders.recipe_failed(wire.RecipeFailed(name="biscuit", version=4, message="a golden part is off", hint=""))
    desk.plant.commit()
    assert desk.part() == ("L2", 3)
    assert desk.codes == ["recipe_failed"]
    assert desk.orders.coming_lot == ""


def test_a_recipe_that_does_not_fit_the_station_leaves_the_old_one_and_the_lot_begins() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.orders.recipe_ready(ready("nowhere", version=4))
    assert desk.part() == ("L2", 3)
    assert desk.codes == ["recipe_failed"]


def test_a_lot_does_not_wait_for_ever() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.plant.clock.advance_ms(29_000)
    desk.orders.turn()
    assert desk.plant.modes.lot == "L1"
    desk.plant.clock.advance_ms(1001)
    desk.orders.turn()
    assert desk.part() == ("L2", 3)
    assert desk.codes == ["recipe_failed"]
    desk.orders.recipe_ready(ready(version=4))  # too late: it must not come in the middle of the lot
    desk.plant.commit()
    assert desk.part() == ("L2", 3)


def test_another_lot_takes_its_place_and_its_recipe_does_not_come_in_the_middle() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.lot("L3", None)
    assert desk.part() == ("L3", 3)
    desk.orders.recipe_ready(ready(version=4))
    desk.plant.commit()
    assert desk.part() == ("L3", 3)


def test_while_both_are_being_committed_no_other_lot_can_be_set() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.orders.recipe_ready(ready(version=4))
    assert not desk.lot("L3", None).ok
    desk.plant.commit()
    assert desk.lot("L3", None).ok
    assert desk.part() == ("L3", 4)


def test_saying_the_running_lots_name_again_is_no_beginning() -> None:
    desk = Desk()
    assert desk.lot("L1").ok
    assert desk.plant.recipes.preparing is None
    assert desk.part() == ("L1", 3)


def test_a_lot_that_cannot_be_is_refused_before_anything_is_prepared() -> None:
    desk = Desk()
    assert not desk.lot("x" * 61).ok
    assert desk.plant.recipes.preparing is None


def test_who_asks_for_another_recipe_lets_the_lot_begin() -> None:
    desk = Desk()
    desk.lot("L2")
    desk.ask(wire.ActivateRecipe(name="other", version=1, by="lan"))
    assert desk.part() == ("L2", 3)
    assert desk.plant.recipes.preparing == ("other", 1)


@pytest.mark.parametrize("order", list(itertools.permutations(("part", "ready", "commit", "lot", "turn"), 5)))
def test_whatever_the_order_no_lot_has_parts_of_two_recipes(order: tuple[str, ...]) -> None:
    desk = Desk()
    seen: set[tuple[str, int]] = {desk.part()}
    acts = {
        "part": lambda: seen.add(desk.part()),
        "ready": lambda: desk.orders.recipe_ready(ready(version=4)),
        "commit": desk.plant.commit,
        "lot": lambda: desk.lot("L2"),
        "turn": desk.orders.turn,
    }
    for name in (*order, "ready", "part", "commit", "part"):
        acts[name]()
    assert seen == {("L1", 3), ("L2", 4)}


# --- a recipe on trial ----------------------------------------------------------------------------------------


def tried(desk: Desk) -> None:
    """biscuit@4 is active and has yet to prove itself."""
    assert desk.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan", trial=True)).ok
    desk.orders.recipe_ready(ready(version=4))
    desk.plant.commit()
    assert desk.plant.recipes.trial


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.NG, Verdict.UNSURE])
def test_on_trial_parts_are_judged_and_never_pass(verdict: Verdict) -> None:
    desk = Desk(Mode.SETUP)
    tried(desk)
    plant = desk.plant
    part = plant.edge()
    (add,) = plant.gate.of(Add)
    assert isinstance(add, Add)
    assert add.denied
    plant.flow.judged(result(part, plant.clock.now_ns(), verdict=verdict, recipe=ready(version=4).recipe))
    record = plant.record_of(part)
    assert record is not None
    assert record.verdict is verdict
    plant.commit()
    plant.flow.answered(Answer(part=part, acted=False))
    assert [said.acted for said in plant.heard(wire.Recorded) if isinstance(said, wire.Recorded)] == [False]


def test_in_setup_without_a_trial_nothing_is_judged() -> None:
    plant = Plant(mode=Mode.SETUP)
    part = plant.edge()
    record = plant.record_of(part)
    assert record is not None
    assert [reason.code for reason in record.reasons] == [ReasonCode.SETUP]


@pytest.mark.parametrize("mode", [Mode.RUN, Mode.STOPPED, Mode.BYPASS])
def test_a_recipe_is_tried_in_setup_only(mode: Mode) -> None:
    desk = Desk(mode)
    assert not desk.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan", trial=True)).ok
    assert desk.plant.recipes.preparing is None


@pytest.mark.parametrize("mode", [Mode.RUN, Mode.BYPASS])
@pytest.mark.parametrize("when", ["asked", "committing", "active"])
def test_the_line_cannot_run_by_a_recipe_on_trial(mode: Mode, when: str) -> None:
    desk = Desk(Mode.SETUP)
    desk.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan", trial=True))
    if when != "asked":
        desk.orders.recipe_ready(ready(version=4))
    if when == "active":
        desk.plant.commit()
    reply = desk.ask(wire.SetMode(mode=mode, by="lan", reason="hurry", minutes=5))
    assert not reply.ok
    assert "challenge" in reply.hint


def test_a_restart_remembers_the_trial() -> None:
    desk = Desk(Mode.SETUP)
    tried(desk)
    memory = memory_of(desk.plant)
    recipes, modes = Recipes(desk.plant.station, memory.recipe_ready), Modes(memory)
    assert recipes.trial
    assert recipes.tries
    assert modes.mode is Mode.SETUP
    assert recipes.active == ready(version=4)


def test_after_the_trial_the_same_recipe_runs() -> None:
    desk = Desk(Mode.SETUP)
    tried(desk)
    assert desk.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan")).ok
    assert desk.plant.recipes.trial, "until it is durable"
    desk.plant.commit()
    assert not desk.plant.recipes.trial
    assert not Recipes(desk.plant.station, memory_of(desk.plant).recipe_ready).trial
    assert desk.ask(wire.SetMode(mode=Mode.RUN, by="lan")).ok


def test_the_recipe_before_ends_the_trial_too() -> None:
    desk = Desk(Mode.SETUP)
    tried(desk)
    desk.ask(wire.ActivateRecipe(name="biscuit", version=3, by="lan"))
    assert desk.plant.recipes.tries
    desk.orders.recipe_ready(ready(version=3))
    desk.plant.commit()
    assert not desk.plant.recipes.tries
    assert desk.ask(wire.SetMode(mode=Mode.RUN, by="lan")).ok


def test_a_trial_whose_recipe_cannot_be_loaded_is_none() -> None:
    desk = Desk(Mode.SETUP)
    desk.ask(wire.ActivateRecipe(name="biscuit", version=4, by="lan", trial=True))
    desk.orders.recipe_failed(wire.RecipeFailed(name="biscuit", version=4, message="no such model", hint=""))
    assert not desk.plant.recipes.tries
    assert desk.ask(wire.SetMode(mode=Mode.RUN, by="lan")).ok
    assert desk.part() == ("L1", 3)


def test_the_active_recipe_can_be_put_on_trial_at_once() -> None:
    desk = Desk(Mode.SETUP)
    assert desk.ask(wire.ActivateRecipe(name="biscuit", version=3, by="lan", trial=True)).ok
    assert desk.plant.recipes.trial
    assert Recipes(desk.plant.station, memory_of(desk.plant).recipe_ready).trial


def test_what_waits_longer_than_a_lot_may_is_seconds_not_minutes() -> None:
    """A person stands before it: see `_LOT_WAITS_NS`."""
    desk = Desk()
    desk.lot("L2")
    began_ns = desk.plant.clock.now_ns()
    while desk.orders.coming_lot:
        desk.plant.clock.advance_ms(1000)
        desk.orders.turn()
    assert desk.plant.clock.now_ns() - began_ns <= 60 * SECOND
