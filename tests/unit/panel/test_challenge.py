"""A challenge: the line goes to SETUP and tries the recipe; the ledger says whether it caught every part."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge.bus import wire
from edge.domain.change import Action, Way
from edge.domain.part import Mode, Purpose
from edge.domain.verdict import GateOutcome, Verdict
from edge.errors import Refused, ServiceError, StoreError
from edge.panel.challenge import started_of
from edge.panel.keeper import Keeper
from tests.unit.panel.changing import Shop
from tests.unit.panel.desk import Desk

CAUGHT = (Verdict.NG, GateOutcome.CONFIRMED)


@pytest.fixture
def shop(desk: Desk) -> Shop:
    return Shop(desk)


def started(shop: Shop, required: int = 3) -> str:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.CHALLENGE)
    body = {"by": "Hoa", "required": required}
    answer = shop.desk.client().post(f"/api/v1/changes/{change}/challenge", json=body)
    assert answer.status_code == 200, answer.text
    return change


def test_it_begins_with_setup_so_that_nothing_passes(shop: Shop) -> None:
    change = started(shop)
    assert [type(request).__name__ for request in shop.line.asked] == ["SetMode", "SetPurpose", "ActivateRecipe"]
    assert shop.line.asked[0].mode is Mode.SETUP  # type: ignore[attr-defined]
    assert shop.line.asked[2] == wire.ActivateRecipe(name="biscuit", version=2, by="Hoa", trial=True)
    (row,) = shop.desk.client().get("/api/v1/changes").json()["changes"]
    assert (row["change"], row["stage"], row["may"]) == (change, "challenge", ["challenge_failed"])
    assert row["challenge"] == {"required": 3, "caught": 0, "waiting": 0, "not_inspected": 0, "missed": ""}


def test_when_all_are_caught_the_recipe_stays_and_a_person_starts_the_line(shop: Shop) -> None:
    change = started(shop)
    shop.part(*CAUGHT)
    shop.part(Verdict.UNSURE, GateOutcome.REJECTED)
    shop.part(Verdict.NOT_INSPECTED, GateOutcome.REJECTED)  # proves nothing
    shop.part(Verdict.NG, None)  # on its way
    shop.changes.settle()
    now = shop.changes.progress(shop.changes.one(change))
    assert (now.caught, now.waiting, now.not_inspected) == (2, 1, 1)
    assert shop.stage(change) == "challenge"
    shop.part(*CAUGHT)
    shop.changes.settle()
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].by, state.events[-1].detail) == ("active", "Hoa", "3 of 3 parts caught")
    assert shop.line.asked[3:] == [
        wire.SetPurpose(purpose=Purpose.PRODUCTION, by="Hoa"), wire.ActivateRecipe(name="biscuit", version=2, by="Hoa"),
    ]  # fmt: skip
    assert (str(shop.line.state.active), shop.line.state.trial) == ("biscuit@2", False)
    assert shop.line.state.mode is Mode.SETUP, "no program starts a line"
    shop.changes.settle()
    assert len(shop.line.asked) == 5, "it is told once"


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(Verdict.OK, GateOutcome.REJECTED), (Verdict.OK, None), (Verdict.NG, GateOutcome.PASSED)],
)
def test_one_that_is_not_caught_fails_it_and_the_recipe_before_comes_back(
    shop: Shop, verdict: Verdict, outcome: GateOutcome | None
) -> None:
    change = started(shop)
    shop.part(*CAUGHT)
    shop.part(verdict, outcome)
    shop.part(*CAUGHT)
    shop.part(*CAUGHT)
    shop.changes.settle()
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].reason) == ("failed", "part s1/1/102 was not caught")
    assert str(shop.line.state.active) == "biscuit@1"
    assert (shop.line.state.mode, shop.line.state.purpose) == (Mode.SETUP, Purpose.PRODUCTION)
    assert [row.action for row in shop.desk.books.station.audit(1)] == ["change.challenge_failed"]


def test_parts_of_another_kind_count_for_nothing(shop: Shop) -> None:
    shop.part(*CAUGHT)  # before it began
    change = started(shop, required=1)
    shop.part(*CAUGHT, version=1)
    shop.part(*CAUGHT, purpose=Purpose.PRODUCTION)
    shop.part(*CAUGHT, mode=Mode.RUN)
    shop.part(Verdict.OK, GateOutcome.PASSED, purpose=Purpose.PRODUCTION)
    shop.changes.settle()
    assert shop.stage(change) == "challenge"
    assert shop.changes.progress(shop.changes.one(change)).caught == 0


def test_it_can_be_given_up(shop: Shop) -> None:
    change = started(shop)
    shop.part(*CAUGHT)
    answer = shop.desk.client().post(
        f"/api/v1/changes/{change}/challenge/end", json={"by": "Hoa", "reason": "no parts at hand"}
    )
    assert (answer.status_code, answer.json()["stage"]) == (200, "failed")
    assert str(shop.line.state.active) == "biscuit@1"
    assert not shop.line.state.trial


def test_it_needs_its_own_approval_and_the_recipe_it_was_made_from(shop: Shop) -> None:
    change = shop.proposed()
    with pytest.raises(Refused):
        shop.changes.challenge(change, by="Hoa", required=3)
    shop.changes.approve(change, by="Minh", way=Way.CHALLENGE)
    shop.line.say(active=None)
    other = shop.proposed("biscuit@3", model=b"third")
    shop.changes.approve(other, by="Minh", way=Way.CHALLENGE)
    shop.line.say(active=shop.desk.ref)
    with pytest.raises(Refused, match="was made from"):
        shop.changes.challenge(other, by="Hoa", required=3)
    assert shop.line.asked == []
    shop.changes.challenge(change, by="Hoa", required=3)
    with pytest.raises(Refused, match="another challenge"):
        shop.changes.challenge(other, by="Hoa", required=3)


@pytest.mark.parametrize("at", [wire.SetMode, wire.SetPurpose, wire.ActivateRecipe])
def test_a_line_that_refuses_to_begin_ends_it(shop: Shop, at: type[wire.Message]) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.CHALLENGE)
    shop.line.trouble[at] = ServiceError("line does not answer")
    with pytest.raises(ServiceError):
        shop.changes.challenge(change, by="Hoa", required=3)
    assert shop.stage(change) == "failed"
    shop.line.trouble.clear()
    shop.changes.settle()
    assert str(shop.line.state.active) == "biscuit@1"


@pytest.mark.parametrize("caught", [0, 3])
def test_a_panel_that_was_killed_in_the_middle_goes_on_where_it_was(shop: Shop, caught: int) -> None:
    change = started(shop)
    shop.part(*CAUGHT)
    shop.desk.use_line(shop.line)  # another panel
    shop.changes.settle()
    assert shop.stage(change) == "challenge"
    for _ in range(caught):
        shop.part(*CAUGHT)
    shop.changes.settle()
    assert shop.stage(change) == ("active" if caught else "challenge")


@pytest.mark.parametrize(
    ("action", "active"), [(Action.CHALLENGE_PASSED, "biscuit@2"), (Action.CHALLENGE_FAILED, "biscuit@1")]
)
def test_what_was_written_and_not_told_is_told_by_the_next_panel(shop: Shop, action: Action, active: str) -> None:
    change = started(shop)
    station = shop.desk.books.station
    station.add_change(shop.changes.one(change).then(action, by="Hoa"))  # and killed before the line heard of it
    assert shop.line.state.trial
    with pytest.raises(Refused):
        shop.line.ask(wire.SetMode(mode=Mode.RUN, by="An"))
    shop.desk.use_line(shop.line)
    shop.changes.settle()
    assert (str(shop.line.state.active), shop.line.state.trial) == (active, False)
    assert shop.line.state.purpose is Purpose.PRODUCTION


def test_a_line_that_was_told_something_else_ends_it(shop: Shop) -> None:
    change = started(shop)
    shop.line.say(active=shop.desk.ref, trial=False)
    shop.changes.settle()
    assert shop.stage(change) == "challenge", "the last word may be on its way"
    shop.wait()
    shop.changes.settle()
    assert shop.stage(change) == "failed"


def test_a_recipe_that_inference_cannot_load_ends_it_with_its_words(shop: Shop) -> None:
    change = shop.proposed()
    shop.changes.approve(change, by="Minh", way=Way.CHALLENGE)
    shop.line.slow = True
    shop.changes.challenge(change, by="Hoa", required=3)
    shop.wait(60)
    shop.changes.settle()
    assert shop.stage(change) == "challenge", "it is being loaded"
    shop.line.give_up("no such model")
    shop.changes.settle()
    shop.wait()
    shop.changes.settle()
    state = shop.changes.one(change)
    assert (state.stage.value, state.events[-1].reason) == ("failed", "biscuit@2: no such model")


def test_after_a_passed_challenge_it_can_be_rolled_back(shop: Shop) -> None:
    change = started(shop, required=1)
    shop.part(*CAUGHT)
    shop.changes.settle()
    shop.changes.roll_back(change, by="Minh", reason="x")
    assert str(shop.line.state.active) == "biscuit@1"


@pytest.mark.parametrize("text", ["", "{}", '{"required": 3}', "x"])
def test_a_start_that_cannot_be_read_is_an_error_and_no_pass(text: str) -> None:
    with pytest.raises(StoreError):
        started_of(text)


def test_the_keeper_goes_on_after_trouble_and_ends_when_told() -> None:
    calls: list[int] = []
    enough = threading.Event()

    def settle() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        raise ServiceError("the line is not heard")

    _run_keeper(settle, enough)
    assert len(calls) >= 3


def _run_keeper(settle: Callable[[], None], enough: threading.Event) -> None:
    keeper = Keeper(settle, every_s=0.001)
    keeper.start()
    assert enough.wait(10)
    assert keeper.running
    keeper.close()
    assert not keeper.running
