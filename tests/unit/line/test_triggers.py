"""Each announcement is one part, once."""

from __future__ import annotations

import pytest

from edge.bus.wire import Seen
from edge.clock import MS
from edge.domain.frame import FrameRef
from edge.domain.ledger import TriggerSource
from edge.line.ports import Input, InputEvent
from edge.line.triggers import Triggers
from edge.settings.station import Line


def edge(at_ms: float, *, value: int = 1, kind: Input = Input.SENSOR, is_edge: bool = True) -> InputEvent:
    return InputEvent(input=kind, value=value, at_ns=round(at_ms * MS), error_ns=7, edge=is_edge)


def seen(n: int, at_ms: float, *, epoch: int = 1, camera: str = "top") -> Seen:
    frame = FrameRef(
        camera=camera, epoch=epoch, slot=0, generation=2, seq=n, exposed_at_ns=round(at_ms * MS), error_ns=5
    )
    return Seen(camera=camera, epoch=epoch, n=n, crossed_at_ns=round(at_ms * MS), error_ns=9, frame=frame)


def test_only_rising_edges_of_the_sensor_announce() -> None:
    triggers = Triggers(Line())
    announced = triggers.edge(edge(100))
    assert announced is not None
    assert (announced.at_ns, announced.error_ns, announced.source) == (100 * MS, 7, TriggerSource.SENSOR)
    assert triggers.edge(edge(150, value=0)) is None
    assert triggers.edge(edge(150, is_edge=False)) is None
    assert triggers.edge(edge(150, kind=Input.CONFIRM)) is None


@pytest.mark.parametrize(("apart_ms", "too_close"), [(19.0, True), (20.0, False), (300.0, False)])
def test_edges_closer_than_the_gap_are_parts_that_cannot_be_told_apart(apart_ms: float, too_close: bool) -> None:
    triggers = Triggers(Line(min_gap_ms=20))
    assert triggers.edge(edge(100)) is not None
    announced = triggers.edge(edge(100 + apart_ms))
    assert announced is not None
    assert announced.too_close is too_close


def test_a_crossing_is_known_when_it_is_repeated_and_settled_when_durable() -> None:
    triggers = Triggers(Line(trigger="barrier"))
    first = seen(1, 100)
    announced = triggers.seen(first)
    assert announced is not None
    assert (announced.at_ns, announced.error_ns, announced.seen) == (100 * MS, 9, first)
    assert triggers.seen(first) is None
    assert not triggers.settled(first)
    triggers.stored(first)
    assert triggers.settled(first)
    assert triggers.seen(seen(1, 100, epoch=2)) is not None
    assert triggers.seen(seen(1, 200, camera="side")) is not None


def test_a_crossing_that_found_no_room_may_come_again() -> None:
    triggers = Triggers(Line(trigger="barrier"))
    assert triggers.seen(seen(1, 100)) is not None
    triggers.forget(seen(1, 100))
    assert triggers.seen(seen(1, 100)) is not None


def test_crossings_that_do_not_trigger_here_are_settled_at_once() -> None:
    triggers = Triggers(Line(trigger="sensor"))
    assert triggers.settled(seen(1, 100))
    assert triggers.seen(seen(1, 100)) is None
    assert triggers.call(5) is None


def test_calls_announce_where_they_are_the_trigger() -> None:
    triggers = Triggers(Line(trigger="software"))
    assert triggers.edge(edge(1)) is None
    announced = triggers.call(500 * MS)
    assert announced is not None
    assert (announced.at_ns, announced.source) == (500 * MS, TriggerSource.SOFTWARE)
