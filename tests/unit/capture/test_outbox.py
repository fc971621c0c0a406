"""Seen messages are repeated until they are acknowledged."""

from __future__ import annotations

from edge.bus import wire
from edge.capture.outbox import OVERDUE_NS, REPEAT_NS, SeenOutbox
from edge.clock import MS
from edge.domain.frame import FrameRef


def seen(n: int, epoch: int = 4) -> wire.Seen:
    frame = FrameRef(camera="top", epoch=epoch, slot=0, generation=2, seq=n, exposed_at_ns=n, error_ns=1)
    return wire.Seen(camera="top", epoch=epoch, n=n, crossed_at_ns=n, error_ns=1, frame=frame)


def ack(n: int, epoch: int = 4, camera: str = "top") -> wire.SeenAck:
    return wire.SeenAck(camera=camera, epoch=epoch, n=n)


class Wire:
    def __init__(self) -> None:
        self.sent: list[int] = []
        self.taken = True

    def send(self, message: wire.Seen) -> bool:
        self.sent.append(message.n)
        return self.taken


def test_sent_at_once_and_again_every_50_ms_until_acknowledged() -> None:
    line = Wire()
    box = SeenOutbox(line.send)
    box.add(seen(1), 0)
    for now_ms in range(0, 130, 10):
        box.turn(now_ms * MS)
    assert line.sent == [1, 1, 1]
    box.acknowledged(ack(1), "top")
    box.turn(10 * REPEAT_NS)
    assert line.sent == [1, 1, 1]
    assert box.pending == 0


def test_one_that_nobody_takes_is_kept() -> None:
    line = Wire()
    line.taken = False
    box = SeenOutbox(line.send)
    box.add(seen(1), 0)
    box.turn(REPEAT_NS)
    assert box.pending == 1
    assert line.sent == [1, 1]


def test_acknowledgements_for_others_do_nothing() -> None:
    box = SeenOutbox(Wire().send)
    box.add(seen(1), 0)
    for other in (ack(2), ack(1, epoch=5), ack(1, camera="side")):
        box.acknowledged(other, "top")
    assert box.pending == 1


def test_overdue_after_a_second_by_the_oldest() -> None:
    box = SeenOutbox(Wire().send)
    box.add(seen(1), 100)
    box.add(seen(2), 100 + OVERDUE_NS)
    assert box.overdue_since_ns(100 + OVERDUE_NS) == 0
    assert box.overdue_since_ns(101 + OVERDUE_NS) == 100
    box.acknowledged(ack(1), "top")
    assert box.overdue_since_ns(101 + OVERDUE_NS) == 0


def test_a_full_box_loses_the_newest_and_says_so() -> None:
    line = Wire()
    box = SeenOutbox(line.send, size=2)
    for n in (1, 2, 3):
        box.add(seen(n), 7)
    assert line.sent == [1, 2]
    assert (box.pending, box.lost, box.lost_at_ns) == (2, 1, 7)
    state = box.queue_state()
    assert (state.size, state.depth, state.dropped) == (2, 2, 1)


def test_a_backlog_is_repeated_in_portions_and_in_turn() -> None:
    line = Wire()
    box = SeenOutbox(line.send)
    for n in range(1, 41):
        box.add(seen(n), 0)
    line.sent.clear()
    rounds = []
    for _ in range(3):
        box.turn(REPEAT_NS)
        rounds.append(len(line.sent))
    assert rounds == [16, 32, 40]
    assert line.sent == list(range(1, 41))
