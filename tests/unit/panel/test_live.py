"""The live feed: made only while somebody watches, always the newest, bounded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from edge.bus import wire
from edge.domain.frame import FrameRef
from edge.domain.verdict import Verdict
from edge.errors import Refused
from edge.panel import live as feed
from edge.panel.live import Live
from edge.panel.live_part import Kept, from_stored
from edge.panel.snapshot import expected_services
from edge.store.ledger_reader import PartFilter
from tests.unit.panel.desk import Desk, recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    jpeg: bytes = b"\xff\xd8"
    width: int = 8
    height: int = 6
    frame_width: int = 80
    frame_height: int = 60


@dataclass
class Rings:
    """Counts; gives pictures while `good`."""

    good: bool = True
    made: list[FrameRef] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def open(self) -> Rings:
        self.opened += 1
        return self

    def small(self, frame: FrameRef) -> Small | None:
        self.made.append(frame)
        return Small() if self.good else None

    def close(self) -> None:
        self.closed += 1


@dataclass
class Feed:
    desk: Desk
    rings: Rings
    live: Live


def until(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def running(desk: Desk) -> Iterator[Feed]:
    def find_ng() -> Kept | None:
        found = desk.books.ledger.parts(PartFilter(verdicts=(Verdict.NG,)), 1)
        return from_stored(found[0]) if found else None

    rings = Rings()
    live = Live(
        snapshot=lambda: desk.watch.snapshot, make_pictures=rings.open, find_ng=find_ng,
        find_images=lambda part: part.with_images(desk.books.evidence.images_of(part.row)),
        tally=desk.tally, expected=expected_services(desk.station), clock=desk.clock,
    )  # fmt: skip
    live.start()
    yield Feed(desk, rings, live)
    live.close()
    assert not live.running


def test_nothing_is_made_while_nobody_watches(running: Feed) -> None:
    running.desk.hear(recorded(1))
    time.sleep(0.3)
    assert running.rings.opened == 0
    with running.live.viewer():
        until(lambda: running.live.shown.part)
    until(lambda: running.rings.closed == 1)
    assert running.live.shown.part is None, "nobody shall see an old part as the newest later"


def test_the_newest_part_with_its_picture(running: Feed) -> None:
    with running.live.viewer():
        running.desk.hear(recorded(1), recorded(2, Verdict.NG))
        until(lambda: running.live.shown.number == 2)
        shown = running.live.shown
        message = running.live.message(1, shown, None)
        assert message.part is not None
        view = message.part.views[0]
        assert (message.part.verdict, message.part.age_ms, view.total_ms) == (Verdict.NG, 1000, 20.0)
        assert view.picture is not None
        assert (view.picture.url, view.picture.frame_width) == ("/api/v1/live/picture/1/2/top", 80)
        assert running.live.picture(message.part.part, "top") == b"\xff\xd8"
        assert message.last_ng == message.part
        assert message.skipped == 0
        again = running.live.message(2, shown, shown.number)
        assert again.part is None
        assert again.last_ng == message.part


def test_what_was_not_shown_is_counted(running: Feed) -> None:
    with running.live.viewer():
        running.desk.hear(recorded(1))
        until(lambda: running.live.shown.number == 1)
        running.desk.hear(*(recorded(n) for n in range(2, 7)))
        until(lambda: running.live.shown.number == 6)
        message = running.live.message(2, running.live.shown, 1)
        assert message.part is not None
        assert (message.part.part.n, message.skipped) == (6, 4)
        assert running.live.counters()["live_skipped"] == 4


def test_an_overwritten_frame_is_a_part_without_picture(running: Feed) -> None:
    running.rings.good = False
    with running.live.viewer():
        running.desk.hear(recorded(1))
        until(lambda: running.live.shown.part)
        part = running.live.message(1, running.live.shown, None).part
        assert part is not None
        assert part.views[0].picture is None


def test_the_last_ng_of_before_comes_from_the_databases(running: Feed) -> None:
    with running.live.viewer():
        until(lambda: running.live.shown.last_ng)
        held = running.live.message(1, running.live.shown, None).last_ng
    assert held is not None
    assert (held.part.n, held.age_ms) == (6, None)
    assert held.views[0].picture is not None
    assert held.views[0].picture.url == "/api/v1/parts/1/6/image/top/frame"


def test_pictures_are_bounded_and_the_last_ng_keeps_its_own(running: Feed) -> None:
    with running.live.viewer():
        running.desk.hear(recorded(1, Verdict.NG))
        until(lambda: running.live.shown.number == 1)
        held = running.live.shown.last_ng
        assert held is not None
        for n in range(2, feed.MAX_PICTURES + 4):
            running.live._keep((recorded(n).part, "top"), b"x")
        assert running.live.picture(recorded(2).part, "top") is None
        assert running.live.picture(held.part, "top") is not None
        assert len(running.live._jpegs) == feed.MAX_PICTURES


def test_more_viewers_than_there_is_room_for_are_refused(running: Feed) -> None:
    with contextlib.ExitStack() as watching:
        for _ in range(feed.MAX_VIEWERS):
            watching.enter_context(running.live.viewer())
        with pytest.raises(Refused), running.live.viewer():
            pass
        assert running.live.queue_state() == wire.QueueState(name="viewers", size=8, depth=8, dropped=1)
    with running.live.viewer():
        pass


def test_a_ledger_that_is_away_stops_nothing(running: Feed) -> None:
    running.desk.books.close()
    assert running.desk.ledger is not None
    running.desk.ledger.close()
    (running.desk.data / "ledger.db").unlink()
    running.desk.hear_all_well()
    with running.live.viewer():
        running.desk.hear(recorded(1, Verdict.NG))
        until(lambda: running.live.shown.part)
        assert running.live.message(1, running.live.shown, None).state.lot is None
    running.desk.ledger = None
