"""The life of a change: what may follow what, by whom; and which change the next lot brings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.change import (
    MAX_DETAIL,
    Action,
    ChangeEvent,
    ChangeState,
    Stage,
    Way,
    built_on,
    due_with_lot,
    on_trial,
    same_person,
    states,
)
from edge.errors import Refused, StoreError, UsageError


def proposed(change: str = "a", *, number: int = 1, old: str = "biscuit@3", new: str = "biscuit@4") -> ChangeEvent:
    return ChangeEvent(id=number, by="Lan", action=Action.PROPOSED, change=change, recipe_from=old, recipe_to=new)


def after(*acts: tuple[Action, Way | None], first: ChangeEvent | None = None) -> ChangeState:
    """A change to which these things happened, in order; all by others than the proposer."""
    (state,) = states([first or proposed()])
    for number, (action, way) in enumerate(acts, start=state.events[0].id + 1):
        state = state.with_event(replace(state.then(action, by="Minh", way=way), id=number))
    return state


APPROVED_LOT, APPROVED_CHALLENGE = (Action.APPROVED, Way.LOT), (Action.APPROVED, Way.CHALLENGE)
STARTED, PASSED, LOST = (
    (Action.CHALLENGE_STARTED, None),
    (Action.CHALLENGE_PASSED, None),
    (Action.CHALLENGE_FAILED, None),
)
ACTIVATED, BACK, FAILED = (Action.ACTIVATED, None), (Action.ROLLED_BACK, None), (Action.FAILED, None)


@pytest.mark.parametrize(
    ("acts", "stage", "may"),
    [
        ((), Stage.PROPOSED, {Action.APPROVED, Action.WITHDRAWN}),
        ((APPROVED_LOT,), Stage.APPROVED, {Action.WITHDRAWN, Action.ACTIVATED, Action.FAILED}),
        ((APPROVED_CHALLENGE,), Stage.APPROVED, {Action.WITHDRAWN, Action.CHALLENGE_STARTED}),
        ((APPROVED_CHALLENGE, STARTED), Stage.CHALLENGE, {Action.CHALLENGE_PASSED, Action.CHALLENGE_FAILED}),
        ((APPROVED_CHALLENGE, STARTED, PASSED), Stage.ACTIVE, {Action.ROLLED_BACK}),
        ((APPROVED_CHALLENGE, STARTED, LOST), Stage.FAILED, {Action.APPROVED, Action.WITHDRAWN}),
        ((APPROVED_LOT, ACTIVATED), Stage.ACTIVE, {Action.ROLLED_BACK}),
        ((APPROVED_LOT, FAILED), Stage.FAILED, {Action.APPROVED, Action.WITHDRAWN}),
        ((APPROVED_LOT, ACTIVATED, BACK), Stage.ROLLED_BACK, {Action.APPROVED}),
        (((Action.WITHDRAWN, None),), Stage.WITHDRAWN, set()),
    ],
)
def test_what_may_come_next(acts: tuple[tuple[Action, Way | None], ...], stage: Stage, may: set[Action]) -> None:
    state = after(*acts)
    assert state.stage is stage
    assert set(state.may) == may
    for action in Action:
        if action in may:
            state.then(action, by="Minh", way=Way.LOT)
        else:
            with pytest.raises(Refused):
                state.then(action, by="Minh", way=Way.LOT)


def test_after_a_failure_it_must_be_approved_anew() -> None:
    assert after(APPROVED_LOT, FAILED).way is None
    assert after(APPROVED_LOT, ACTIVATED, BACK, APPROVED_CHALLENGE).way is Way.CHALLENGE


def test_who_proposes_does_not_approve_unless_the_station_has_one_person() -> None:
    state = after()
    for name in ("Lan", "lan", " LAN ", "L\u0061n"):
        with pytest.raises(Refused, match="proposed"):
            state.then(Action.APPROVED, by=name, way=Way.LOT)
    assert state.then(Action.APPROVED, by="Lan", way=Way.LOT, alone=True).by == "Lan"
    assert state.then(Action.APPROVED, by="Minh", way=Way.LOT).way is Way.LOT
    with pytest.raises(Refused, match="how"):
        state.then(Action.APPROVED, by="Minh")


def test_accents_typed_otherwise_make_no_other_person() -> None:
    assert same_person("Nguyễn  Lan", "nguye\u0302\u0303n lan")
    assert not same_person("Lan", "Lân")


@settings(max_examples=300, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(Action), st.sampled_from([None, Way.LOT, Way.CHALLENGE])), max_size=8))
def test_whatever_is_asked_nothing_is_active_without_an_approval_of_its_own_way(
    asked: list[tuple[Action, Way | None]],
) -> None:
    (state,) = states([proposed()])
    for number, (action, way) in enumerate(asked, start=2):
        try:
            state = state.with_event(replace(state.then(action, by="Minh", way=way), id=number))
        except Refused:
            continue
    assert states(state.events) == [state]
    done = [event.action for event in state.events]
    if state.stage is Stage.ACTIVE:
        last = max(place for place, action in enumerate(done) if action is Action.APPROVED)
        proof = (
            [Action.ACTIVATED]
            if state.events[last].way is Way.LOT
            else [Action.CHALLENGE_STARTED, Action.CHALLENGE_PASSED]
        )
        assert done[last + 1 :] == proof


def test_events_that_do_not_add_up_are_an_error() -> None:
    approved = replace(proposed(), id=2, action=Action.APPROVED, way=Way.LOT, by="Minh")
    for events in (
        [approved],
        [proposed(), replace(approved, action=Action.ACTIVATED)],
        [proposed(), replace(approved, way=None)],
        [proposed(), replace(approved, recipe_to="biscuit@9")],
        [proposed(), replace(proposed(), id=2)],
    ):
        with pytest.raises(StoreError, match=r"follow|middle"):
            states(events)


def test_the_next_lot_brings_what_was_made_from_the_active_recipe() -> None:
    waits = after(APPROVED_LOT)
    tested = after(APPROVED_CHALLENGE, first=proposed("b", number=10))
    newer = after(APPROVED_LOT, first=proposed("c", number=20, new="biscuit@6"))
    changes = [newer, tested, waits]  # newest first
    assert due_with_lot(changes, "biscuit@3") is newer
    assert due_with_lot([tested, waits], "biscuit@3") is waits
    assert due_with_lot(changes, "biscuit@5") is None, "it would undo what was changed since"
    assert due_with_lot([after(APPROVED_LOT, ACTIVATED)], "biscuit@3") is None


def test_what_was_built_on_it_goes_back_with_it() -> None:
    first = after(APPROVED_LOT, ACTIVATED)
    second = after(APPROVED_LOT, ACTIVATED, first=proposed("b", number=10, old="biscuit@4", new="biscuit@5"))
    third = after(APPROVED_LOT, ACTIVATED, first=proposed("c", number=20, old="biscuit@5", new="biscuit@6"))
    other = after(APPROVED_LOT, ACTIVATED, first=proposed("d", number=30, old="ring@1", new="ring@2"))
    waiting = after(APPROVED_LOT, first=proposed("e", number=40, old="biscuit@6", new="biscuit@7"))
    changes = [waiting, other, third, second, first]
    assert built_on(changes, first) == [second, third]
    assert built_on(changes, third) == []
    assert on_trial(changes) is None
    assert on_trial([after(APPROVED_CHALLENGE, STARTED)]) is not None


def test_texts_are_bounded() -> None:
    for wrong in ({"reason": "x" * 501}, {"by": "a\0b"}, {"detail": "x" * (MAX_DETAIL + 1)}):
        with pytest.raises(UsageError):
            replace(proposed(), **wrong)
