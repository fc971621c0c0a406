from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.bus.slots import SlotCounts, SlotPool, SlotState, Taken
from edge.errors import RingError

FRESH_FOR = 100
MATCHED_FOR = 1000
OLD = FRESH_FOR + 1
LAPSED = MATCHED_FOR + 1


def pool_with(*states: SlotState) -> SlotPool:
    """A pool whose slots hold frames 1, 2, ... in these states, all taken at time 0."""
    pool = SlotPool(len(states), fresh_for_ns=FRESH_FOR, matched_for_ns=MATCHED_FOR)
    for seq, state in enumerate(states, start=1):
        taken = pool.take(0)
        assert taken == Taken(slot=seq - 1)
        pool.published(taken.slot, seq, 2)
        if state is not SlotState.FRESH:
            assert pool.lease(seq, state)
    return pool


FRESH, MATCHED, JUDGED, DONE = SlotState.FRESH, SlotState.MATCHED, SlotState.JUDGED, SlotState.DONE


def test_empty_slots_are_used_before_any_frame_is_given_up() -> None:
    pool = SlotPool(3)
    for seq in (1, 2, 3):
        taken = pool.take(seq)
        assert taken == Taken(slot=seq - 1)
        pool.published(taken.slot, seq, 2)
        pool.lease(seq, DONE)
    assert pool.counts == SlotCounts()


@pytest.mark.parametrize(
    ("states", "now_ns", "expected"),
    [
        ((DONE, FRESH, JUDGED), OLD, Taken(slot=1)),
        ((MATCHED, FRESH, FRESH), OLD, Taken(slot=1)),
        ((FRESH, JUDGED, DONE), FRESH_FOR, Taken(slot=2)),
        ((DONE, MATCHED, DONE), 1, Taken(slot=0)),
        ((FRESH, MATCHED, JUDGED, JUDGED), 1, Taken(slot=2, shed="evidence", lost_seq=3)),
        ((MATCHED, FRESH, FRESH), 1, Taken(slot=1, shed="unmatched", lost_seq=2)),
        ((MATCHED, MATCHED), MATCHED_FOR, Taken(slot=0, shed="unjudged", lost_seq=1)),
        ((MATCHED, JUDGED), LAPSED, Taken(slot=0, shed="evidence", lost_seq=1)),
        ((JUDGED, MATCHED), MATCHED_FOR, Taken(slot=0, shed="evidence", lost_seq=1)),
    ],
)
def test_reuse_order(states: tuple[SlotState, ...], now_ns: int, expected: Taken) -> None:
    assert pool_with(*states).take(now_ns) == expected


def test_what_was_lost_is_counted() -> None:
    cases = [
        ((FRESH,), OLD, SlotCounts(unmatched=1)),
        ((FRESH,), 0, SlotCounts(overwritten=1)),
        ((JUDGED,), 0, SlotCounts(shed_evidence=1)),
        ((MATCHED,), 0, SlotCounts(shed_unjudged=1)),
        ((DONE,), 0, SlotCounts()),
    ]
    for states, now_ns, counts in cases:
        pool = pool_with(*states)
        pool.take(now_ns)
        assert pool.counts == counts


def test_a_dead_recorder_does_not_stop_inspection() -> None:
    """All judged frames stay JUDGED: pictures are shed, never a frame that its trigger has not claimed yet."""
    pool = SlotPool(5, fresh_for_ns=FRESH_FOR, matched_for_ns=MATCHED_FOR)
    for seq in range(1, 200):
        now_ns = seq * 40
        pool.published(pool.take(now_ns).slot, seq, 2)
        if seq > 2:
            assert pool.lease(seq - 2, MATCHED)
            assert pool.lease(seq - 2, JUDGED)
    assert pool.counts == SlotCounts(shed_evidence=199 - 5)


def test_after_a_frozen_inference_the_leases_free_the_ring_again() -> None:
    pool = SlotPool(4, fresh_for_ns=FRESH_FOR, matched_for_ns=MATCHED_FOR)
    for seq in range(1, 50):
        pool.published(pool.take(seq * 40).slot, seq, 2)
        pool.lease(seq, MATCHED)
    assert pool.counts.shed_unjudged == 45
    held = pool.holding(46)
    assert held is not None
    for seq in (46, 47, 48, 49):
        assert pool.lease(seq, DONE)
    assert pool.take(50 * 40) == Taken(slot=held[0])


def test_leases_late_twice_backwards_or_nonsense_change_nothing() -> None:
    pool = pool_with(FRESH, JUDGED)
    assert pool.lease(1, MATCHED)
    refused = [(1, MATCHED), (1, FRESH), (2, MATCHED), (2, JUDGED), (3, DONE), (0, DONE), (1, SlotState.EMPTY)]
    for seq, state in refused:
        assert not pool.lease(seq, state)
    assert pool.counts == SlotCounts(late_leases=len(refused))
    assert [pool.state(0), pool.state(1)] == [MATCHED, JUDGED]


def test_a_lease_for_a_reused_slot_does_not_reach_the_new_frame() -> None:
    pool = pool_with(MATCHED)
    assert pool.take(1) == Taken(slot=0, shed="unjudged", lost_seq=1)
    assert not pool.lease(1, DONE)
    pool.published(0, 2, 4)
    assert not pool.lease(1, DONE)
    assert pool.state(0) is FRESH
    assert pool.holding(1) is None
    assert pool.holding(2) == (0, 4)


def test_an_abandoned_slot_is_empty_again() -> None:
    pool = SlotPool(1)
    pool.abandoned(pool.take(0).slot)
    assert pool.state(0) is SlotState.EMPTY
    assert pool.take(0) == Taken(slot=0)


def test_the_age_counts_from_the_time_given() -> None:
    pool = SlotPool(2, fresh_for_ns=FRESH_FOR, matched_for_ns=MATCHED_FOR)
    for seq in (1, 2):
        pool.published(pool.take(0).slot, seq, 2, at_ns=50)
    assert pool.take(50 + FRESH_FOR).shed == "unmatched"
    assert pool.take(50 + OLD).shed is None


def test_wrong_use_is_an_error() -> None:
    pool = SlotPool(2)
    for slot in (0, -1, 2):
        with pytest.raises(RingError, match="not taken"):
            pool.published(slot, 1, 2)
        with pytest.raises(RingError, match="not taken"):
            pool.abandoned(slot)
    pool.published(pool.take(0).slot, 1, 2)
    taken = pool.take(0)
    for seq in (1, 0):
        with pytest.raises(RingError, match="twice"):
            pool.published(taken.slot, seq, 2)
    pool.take(10**12)
    with pytest.raises(RingError, match="being filled"):
        pool.take(10**12)
    for count, fresh_for_ns, matched_for_ns in [(0, 1, 1), (1, -1, 1), (1, 2, 1)]:
        with pytest.raises(RingError):
            SlotPool(count, fresh_for_ns=fresh_for_ns, matched_for_ns=matched_for_ns)


class PoolAgainstModel(RuleBasedStateMachine):
    """The pool beside the plainest model: frames in lists by state, in the order they were published."""

    COUNT = 4

    def __init__(self) -> None:
        super().__init__()
        self.pool = SlotPool(self.COUNT, fresh_for_ns=FRESH_FOR, matched_for_ns=MATCHED_FOR)
        self.now_ns = 0
        self.seq = 0
        self.state: dict[int, SlotState] = {}  # by seq
        self.born: dict[int, int] = {}
        self.place: dict[int, int] = {}
        self.writing: dict[int, int] = {}  # slot -> taken at
        self.lost = {"unmatched": 0, "evidence": 0, "unjudged": 0}
        self.refused = 0

    def victims(self) -> list[tuple[int, str | None]]:
        """Frames in the order in which they may go, each with what is lost."""

        def those(state: SlotState, older: bool | None, than_ns: int) -> list[int]:
            return [
                seq
                for seq in sorted(self.state)
                if self.state[seq] is state and (older is None or (self.now_ns - self.born[seq] > than_ns) is older)
            ]

        pictures = sorted(those(JUDGED, None, 0) + those(MATCHED, True, MATCHED_FOR))
        return [
            *((seq, None) for seq in those(FRESH, True, FRESH_FOR)),
            *((seq, None) for seq in those(DONE, None, 0)),
            *((seq, "evidence") for seq in pictures),
            *((seq, "unmatched") for seq in those(FRESH, False, FRESH_FOR)),
            *((seq, "unjudged") for seq in those(MATCHED, False, MATCHED_FOR)),
        ]

    @rule(step=st.sampled_from([0, 1, 40, FRESH_FOR, OLD, LAPSED]))
    def wait(self, step: int) -> None:
        self.now_ns += step

    @precondition(lambda self: len(self.writing) < self.COUNT)
    @rule()
    def take(self) -> None:
        used = {*self.writing, *self.place.values()}
        taken = self.pool.take(self.now_ns)
        if len(used) < self.COUNT:
            assert taken.slot not in used
            assert taken.shed is None
        else:
            seq, shed = self.victims()[0]
            assert (taken.slot, taken.shed) == (self.place[seq], shed)
            assert taken.lost_seq == (seq if shed else 0)
            if shed:
                self.lost[shed] += 1
            for book in (self.state, self.born, self.place):
                del book[seq]
        self.writing[taken.slot] = self.now_ns

    @precondition(lambda self: len(self.writing) == self.COUNT)
    @rule()
    def take_too_many(self) -> None:
        with pytest.raises(RingError):
            self.pool.take(self.now_ns)

    @precondition(lambda self: self.writing)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.writing)))
        self.seq += 1
        self.pool.published(slot, self.seq, 2 * self.seq)
        self.state[self.seq] = FRESH
        self.born[self.seq] = self.writing.pop(slot)
        self.place[self.seq] = slot

    @precondition(lambda self: self.writing)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.writing)))
        self.pool.abandoned(slot)
        del self.writing[slot]

    @rule(back=st.integers(-1, 8), state=st.sampled_from(SlotState))
    def lease(self, back: int, state: SlotState) -> None:
        seq = self.seq - back
        forward = [FRESH, MATCHED, JUDGED, DONE]
        moves = seq in self.state and state in forward and forward.index(state) > forward.index(self.state[seq])
        assert self.pool.lease(seq, state) is moves
        if moves:
            self.state[seq] = state
        else:
            self.refused += 1

    @invariant()
    def agrees(self) -> None:
        for slot in range(self.COUNT):
            held = [seq for seq, place in self.place.items() if place == slot]
            if held:
                assert self.pool.state(slot) is self.state[held[0]]
                assert self.pool.holding(held[0]) == (slot, 2 * held[0])
            else:
                expected = SlotState.WRITING if slot in self.writing else SlotState.EMPTY
                assert self.pool.state(slot) is expected
        assert sum(self.pool.census().values()) == self.COUNT
        counts = self.pool.counts
        assert counts.overwritten == self.lost["unmatched"]
        assert counts.shed_evidence == self.lost["evidence"]
        assert counts.shed_unjudged == self.lost["unjudged"]
        assert counts.late_leases == self.refused


TestPoolAgainstModel = PoolAgainstModel.TestCase
TestPoolAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
