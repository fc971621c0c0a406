"""The commit thread on a ledger held by hand: nothing is acted on before it is durable, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edge.clock import SECOND, ManualClock
from edge.domain.ledger import Alive, Entry, EventRecord, GateRecord, PartRecord, TriggerRecord
from edge.domain.part import PartId
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.errors import StoreError, StoreFull
from edge.line import committer as module
from edge.line.committer import Committed, Committer, may_pass
from edge.line.gate_thread import Allow, Progress
from tests.unit.line.rig import FakeLedger, Wake, until
from tests.unit.store import ledger_values

EPOCH = 7


def trigger(n: int) -> TriggerRecord:
    return ledger_values.trigger(EPOCH, n)


def record(n: int, verdict: Verdict = Verdict.OK) -> PartRecord:
    return ledger_values.record(EPOCH, n, verdict)


def not_inspected(n: int, code: ReasonCode) -> PartRecord:
    return PartRecord(
        part=ledger_values.part_id(EPOCH, n), verdict=Verdict.NOT_INSPECTED, reasons=(Reason(code=code),), results=(),
        decided_ns=1, cutoff_ns=2,
    )  # fmt: skip


def gate(n: int) -> GateRecord:
    return ledger_values.gate(EPOCH, n)


class Desk:
    """A commit thread, its ledger, and what the gate and the main loop hear of it."""

    def __init__(self, keep_ns: int | None = None) -> None:
        self.ledger = FakeLedger()
        self.clock = ManualClock()
        self.progress = Progress()
        self.wake = Wake()
        self.allowed: list[PartId] = []
        self.heard: list[Committed] = []
        self.committer = Committer(
            open_ledger=lambda: self.ledger, progress=self.progress, clock=self.clock, wake_fd=self.wake.fd,
            boot_id="b", keep_ns=keep_ns,
        )  # fmt: skip
        self.committer.connect(self._allow)

    def _allow(self, message: Allow) -> None:
        """As the gate hears it: at that moment the record must be durable."""
        durable = {entry.part for entry in self.ledger.entries if isinstance(entry, PartRecord)}
        assert message.part in durable
        self.allowed.append(message.part)

    def numbers(self) -> list[int]:
        return [part.n for part in self.allowed]

    def done(self, entries: int) -> list[Committed]:
        """Wait until the main loop has heard of so many entries in all."""

        def enough() -> bool:
            self.heard += self.committer.done()
            return sum(len(group.entries) for group in self.heard) >= entries

        until(enough, f"the end of {entries} entries")
        return self.heard

    def close(self) -> None:
        self.ledger.gate.set()
        self.committer.close(10.0)
        self.wake.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def desk(keep_ns: int | None = None) -> Desk:
        made.append(Desk(keep_ns))
        return made[-1]

    yield desk
    for each in made:
        each.close()


@pytest.fixture
def desk(make: Callable[..., Desk]) -> Desk:
    it = make()
    assert it.committer.start().epoch == EPOCH
    return it


def test_an_ok_reaches_the_gate_only_after_the_commit(desk: Desk) -> None:
    desk.ledger.gate.clear()
    desk.clock.advance_ms(1)
    desk.committer.put(trigger(1), record(1))
    until(lambda: desk.ledger.waiting, "the commit")
    assert desk.numbers() == []
    assert desk.progress.commit_since_ns == desk.clock.now_ns()
    assert desk.progress.stuck_since(desk.clock.now_ns() + 2 * SECOND) == desk.clock.now_ns()
    assert desk.committer.done() == []
    desk.ledger.gate.set()
    (group,) = desk.done(2)
    assert group.rows == {ledger_values.part_id(EPOCH, 1): 1}
    assert desk.numbers() == [1]
    assert desk.progress.commit_since_ns == 0
    assert desk.wake.rang()


@pytest.mark.parametrize("verdict", [Verdict.NG, Verdict.UNSURE, Verdict.NOT_INSPECTED])
def test_what_is_not_ok_never_reaches_the_gate(desk: Desk, verdict: Verdict) -> None:
    desk.committer.put(trigger(1), record(1, verdict))
    desk.done(2)
    assert desk.numbers() == []


def test_a_bypass_passes_and_nothing_that_only_looks_like_it(desk: Desk) -> None:
    bypassed = not_inspected(1, ReasonCode.BYPASS)
    others = [not_inspected(2, ReasonCode.NO_VERDICT), record(3, Verdict.NG)]
    desk.committer.put(*(trigger(n) for n in (1, 2, 3)), bypassed, *others)
    desk.done(6)
    assert desk.numbers() == [1]
    both = PartRecord(
        part=bypassed.part, verdict=Verdict.NOT_INSPECTED, results=(), decided_ns=1, cutoff_ns=2,
        reasons=(Reason(code=ReasonCode.BYPASS), Reason(code=ReasonCode.NO_VERDICT)),
    )  # fmt: skip
    assert not may_pass(both)


def test_what_waits_becomes_one_transaction_and_comes_back_piece_by_piece(desk: Desk) -> None:
    called: list[int] = []
    desk.ledger.gate.clear()
    desk.committer.put(trigger(1))
    until(lambda: desk.ledger.waiting, "the first commit")
    for n in range(2, 40):
        desk.committer.put(trigger(n), record(n), then=lambda n=n: called.append(n))
    assert desk.committer.depth == 1 + 2 * 38
    desk.ledger.gate.set()
    groups = desk.done(1 + 2 * 38)
    assert [len(group) for group in desk.ledger.committed] == [1, 2 * 38]
    assert desk.committer.stats.commits == desk.committer.stats.duration.total == 2
    assert [len(group.entries) for group in groups] == [1, *[2] * 38]
    assert desk.numbers() == list(range(2, 40))
    for group in groups:
        if group.then is not None:
            group.then()
    assert called == list(range(2, 40))
    assert desk.committer.depth == 0


def test_a_transaction_has_a_size(desk: Desk) -> None:
    desk.ledger.gate.clear()
    desk.committer.put(trigger(1))
    until(lambda: desk.ledger.waiting, "the first commit")
    pieces = module.BATCH // 2 + 10
    for n in range(2, pieces + 2):
        desk.committer.put(trigger(n), record(n))
    desk.ledger.gate.set()
    desk.done(1 + 2 * pieces)
    assert [len(group) for group in desk.ledger.committed] == [1, module.BATCH, 20]


def test_a_queue_that_is_full_has_no_room_for_triggers(desk: Desk) -> None:
    desk.ledger.gate.clear()
    for n in range(1, module.QUEUE + 1):
        assert desk.committer.has_room()
        desk.committer.put(trigger(n))
    assert not desk.committer.has_room()
    (state,) = desk.committer.queues()
    assert (state.size, state.depth) == (module.QUEUE, module.QUEUE)
    desk.committer.put(record(1))  # what follows an accepted trigger always finds room
    desk.ledger.gate.set()
    desk.done(module.QUEUE + 1)
    assert desk.committer.has_room()


def test_on_a_full_disk_what_was_accepted_is_written_and_new_parts_wait(desk: Desk) -> None:
    desk.committer.put(trigger(1), trigger(2))
    desk.done(2)
    desk.ledger.gate.clear()
    desk.committer.put(EventRecord(epoch=EPOCH, at_ns=1, wall="w", kind="k", by="b", detail="d"))
    until(lambda: desk.ledger.waiting, "a commit")
    desk.committer.put(trigger(3), Alive(at_ns=5))
    desk.committer.put(record(1))
    desk.committer.put(record(3))
    desk.committer.put(record(2, Verdict.NG), gate(2))
    desk.committer.put(Alive(at_ns=6))
    desk.ledger.room_for_triggers = False
    desk.ledger.gate.set()
    desk.done(2 + 1 + 3)
    assert desk.committer.full
    assert not desk.committer.has_room()
    assert desk.numbers() == [1]
    assert _parts(desk.ledger.committed[-1]) == [record(1), record(2, Verdict.NG), gate(2)]
    assert Alive(at_ns=6) not in desk.ledger.entries  # it would claim that part 3 is on record
    assert desk.committer.error is None
    desk.ledger.room_for_triggers = True
    desk.committer.put(record(4, Verdict.NG))  # any sign of life: the wait is over
    desk.done(2 + 1 + 3 + 5)
    assert not desk.committer.full
    assert desk.numbers() == [1, 3]
    assert desk.committer.depth == 0
    assert [entry for entry in desk.ledger.entries if isinstance(entry, Alive)] == [Alive(at_ns=5), Alive(at_ns=6)]


def test_a_disk_without_any_room_keeps_everything_and_tries_again(desk: Desk) -> None:
    desk.ledger.room = False
    desk.committer.put(trigger(1), record(1))
    until(lambda: desk.committer.full)
    assert desk.wake.rang()
    assert desk.numbers() == []
    assert desk.committer.depth == 2
    desk.ledger.room = True
    desk.done(2)  # by itself, after its own pause
    assert desk.numbers() == [1]
    until(lambda: not desk.committer.full)


def _parts(entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry, PartRecord | GateRecord)]


def test_an_error_of_the_store_ends_the_thread_and_is_told(desk: Desk) -> None:
    desk.ledger.fault = StoreError("part t/1/1 has its record already")
    desk.committer.put(record(1))
    until(lambda: not desk.committer.running, "the end")
    assert desk.committer.error is desk.ledger.fault
    assert desk.numbers() == []
    assert desk.ledger.closed
    assert desk.progress.commit_since_ns == 0
    assert desk.wake.rang()


def test_a_ledger_that_cannot_be_opened_is_told_at_the_start(make: Callable[..., Desk]) -> None:
    it = make()
    it.committer = Committer(
        open_ledger=_refuse, progress=it.progress, clock=it.clock, wake_fd=it.wake.fd, boot_id="b"
    )  # fmt: skip
    with pytest.raises(StoreFull, match="no space at all"):
        it.committer.start()


def _refuse() -> FakeLedger:
    raise StoreFull("no space at all", hint="free some")


def test_close_commits_what_is_queued(desk: Desk) -> None:
    desk.ledger.gate.clear()
    desk.committer.put(trigger(1))
    until(lambda: desk.ledger.waiting, "a commit")
    for n in range(2, module.BATCH + 10):
        desk.committer.put(trigger(n), record(n))
    desk.ledger.gate.set()
    desk.committer.close(10.0)
    assert not desk.committer.running
    assert desk.ledger.closed
    assert len(desk.ledger.entries) == 1 + 2 * (module.BATCH + 8)
    assert len(desk.numbers()) == module.BATCH + 8


def test_close_on_a_full_disk_ends_all_the_same(desk: Desk) -> None:
    desk.ledger.room = False
    desk.committer.put(trigger(1), record(1))
    until(lambda: desk.committer.full)
    desk.committer.close(10.0)
    assert not desk.committer.running
    assert desk.ledger.closed
    assert desk.numbers() == []


def test_close_before_start_does_nothing(make: Callable[..., Desk]) -> None:
    it = make()
    it.committer.close()
    assert not it.ledger.closed


def test_when_nothing_waits_it_tidies_at_its_own_pace(make: Callable[..., Desk]) -> None:
    it = make(keep_ns=9 * SECOND)
    it.committer.start()
    for n in (1, 2, 3):
        it.committer.put(trigger(n))
        it.done(n)
    until(lambda: it.ledger.topped_up == 1)
    assert it.ledger.pruned == [9 * SECOND]
    it.clock.advance_ms(61_000)
    it.committer.put(trigger(4))
    until(lambda: it.ledger.topped_up == 2 and it.ledger.pruned == [9 * SECOND] * 2)


def test_a_disk_that_hangs_while_nothing_is_committed_is_noticed(desk: Desk) -> None:
    """Refilling the reserve writes too, and what comes meanwhile waits."""
    desk.ledger.reserve.clear()
    desk.clock.advance_ms(10_000)
    desk.committer.put(trigger(1))
    until(lambda: desk.progress.stuck_since(desk.clock.now_ns() + 2 * SECOND) != 0, "the sign of the standing disk")
    desk.ledger.reserve.set()
    until(lambda: desk.progress.commit_since_ns == 0, "the end of it")
