"""Shots into ring slots: what is believed, kept, shed and waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bus import wire
from edge.bus.ring import RingReader, RingSpec, RingWriter
from edge.bus.slots import SlotPool
from edge.capture.camera import Shot
from edge.capture.feed import Patience, SlotFeed, patience
from edge.clock import MS, SECOND, ManualClock
from edge.domain.frame import FrameRef
from edge.errors import SourceError
from edge.settings.station import Camera as CameraSettings

SLOTS = 4
KEEP = Patience(fresh_for_ns=100 * MS, matched_for_ns=2 * SECOND)


class Bench:
    def __init__(self, shm_dir: Path, station: str) -> None:
        self.clock = ManualClock(SECOND)
        self.spec = RingSpec(station=station, camera="top", epoch=9, slots=SLOTS, height=16, width=16, channels=1)
        self.writer = RingWriter.create(shm_dir, self.spec)
        self.reader = RingReader.attach(shm_dir, station, "top", 9)
        pool = SlotPool(SLOTS, fresh_for_ns=KEEP.fresh_for_ns, matched_for_ns=KEEP.matched_for_ns)
        self.feed = SlotFeed(self.writer, pool, KEEP, self.clock)

    def frame(self, grey: int = 1) -> FrameRef:
        self.clock.advance_ms(10)
        self.feed.into()[:] = grey
        frame = self.feed.publish(Shot(exposed_at_ns=self.clock.now_ns(), error_ns=MS))
        assert frame is not None
        return frame

    def lease(self, frame: FrameRef, state: str) -> None:
        self.feed.lease(
            wire.Lease(
                epoch=frame.epoch, slot=frame.slot, generation=frame.generation, seq=frame.seq, state=state
            )
        )  # fmt: skip

    def spare(self) -> bool:
        return self.feed.spare(self.clock.now_ns())


@pytest.fixture
def bench(tmp_path: Path, station: str) -> Iterator[Bench]:
    bench = Bench(tmp_path, station)
    yield bench
    bench.reader.close()
    bench.writer.close()


def test_a_published_frame_is_what_readers_find(bench: Bench) -> None:
    frame = bench.frame(grey=77)
    pixels = bench.reader.copy(frame.slot, frame.generation)
    assert pixels is not None
    assert np.all(pixels == 77)
    assert (frame.camera, frame.epoch, frame.seq, frame.error_ns) == ("top", 9, 1, MS)
    assert np.all(bench.feed.last_pixels() == 77)


def test_into_gives_one_place_until_it_is_used(bench: Bench) -> None:
    assert bench.feed.into() is bench.feed.into()
    with pytest.raises(SourceError):
        bench.feed.last_pixels()
    bench.feed.give_up()
    bench.feed.give_up()
    assert bench.feed.captured == 0
    assert [bench.frame().seq for _ in range(SLOTS)] == [1, 2, 3, 4]
    assert bench.feed.counts.overwritten == 0


def test_a_shot_without_a_place_is_a_defect(bench: Bench) -> None:
    with pytest.raises(SourceError):
        bench.feed.publish(Shot(exposed_at_ns=1, error_ns=1))


@pytest.mark.parametrize("back_ns", [0, 1, SECOND])
def test_a_stamp_that_does_not_grow_is_refused(bench: Bench, back_ns: int) -> None:
    last = bench.frame()
    bench.feed.into()[:] = 9
    assert bench.feed.publish(Shot(exposed_at_ns=last.exposed_at_ns - back_ns, error_ns=MS)) is None
    assert bench.feed.out_of_order == 1
    assert bench.reader.copy(last.slot, last.generation) is not None
    assert bench.frame().seq == 2


def test_a_stamp_from_the_future_is_refused_and_blocks_nothing(bench: Bench) -> None:
    bench.feed.into()
    assert bench.feed.publish(Shot(exposed_at_ns=bench.clock.now_ns() + SECOND, error_ns=MS)) is None
    assert bench.feed.future == 1
    assert bench.frame().seq == 1


def test_leases_of_another_ring_change_nothing(bench: Bench) -> None:
    frame = bench.frame()
    right = {"epoch": 9, "slot": frame.slot, "generation": frame.generation, "seq": 1, "state": "matched"}
    wrong = ({"epoch": 8}, {"slot": 3}, {"generation": 4}, {"seq": 5}, {"state": "mine"}, {"state": "fresh"})
    for change in wrong:
        bench.feed.lease(wire.Lease(**(right | change)))
    assert bench.feed.foreign == len(wrong)
    assert bench.feed.queue_state().depth == 0
    bench.feed.lease(wire.Lease(**right))
    assert bench.feed.queue_state().depth == 1


def test_a_claimed_frame_outlives_the_others(bench: Bench) -> None:
    claimed = bench.frame()
    bench.feed.claim(claimed)
    for _ in range(3 * SLOTS):
        bench.frame()
    assert bench.reader.copy(claimed.slot, claimed.generation) is not None
    assert bench.feed.counts.shed_unjudged == 0


def test_claiming_what_is_gone_changes_nothing(bench: Bench) -> None:
    gone = bench.frame()
    for _ in range(SLOTS):
        bench.frame()
    bench.feed.claim(gone)
    assert bench.feed.queue_state().depth == 0


def test_a_slot_is_spare_when_nobody_can_want_its_frame(bench: Bench) -> None:
    frames = []
    for _ in range(SLOTS):
        assert bench.spare()
        frames.append(bench.frame())
    assert not bench.spare(), "all are young: their triggers may be on the way"
    bench.lease(frames[2], "done")
    assert bench.spare()
    bench.feed.claim(bench.frame())
    assert not bench.spare()
    bench.clock.advance_ms(101)
    assert bench.spare(), "no trigger comes any more"
    assert bench.feed.counts.overwritten == 0


def test_unclaimed_frames_are_spare_at_once_but_not_claimed_ones(bench: Bench) -> None:
    frames = [bench.frame() for _ in range(SLOTS)]
    bench.feed.claim(frames[0])
    bench.feed.unclaimed(1)
    assert not bench.spare()
    bench.feed.unclaimed(2)
    assert bench.spare()
    bench.feed.unclaimed(99)


def test_pictures_wait_for_a_recorder_that_works_and_not_for_a_dead_one(bench: Bench) -> None:
    frames = [bench.frame() for _ in range(SLOTS)]
    for frame in frames:
        bench.lease(frame, "judged")
    assert not bench.spare()
    bench.clock.advance_ms(900)
    bench.lease(frames[0], "done")
    bench.lease(bench.frame(), "judged")
    bench.clock.advance_ms(900)
    assert not bench.spare(), "it gave one back less than a second ago"
    bench.clock.advance_ms(101)
    assert bench.spare()


def test_parts_that_wait_for_their_verdict_are_waited_for_until_it_is_too_late(bench: Bench) -> None:
    for _ in range(SLOTS):
        bench.feed.claim(bench.frame())
    bench.clock.advance_ms(1500)
    assert not bench.spare()
    bench.clock.advance_ms(600)
    assert bench.spare()


@pytest.mark.parametrize(("fps", "fresh_ms"), [(30.0, 250), (100.0, 80), (5.0, 250)])
def test_patience_follows_the_rated_speed(fps: float, fresh_ms: int) -> None:
    settings = CameraSettings(name="top", kind="virtual", width=64, height=64, rate_fps=fps, slots=16)
    keep = patience(settings, max_travel_ms=2000.0)
    assert (keep.fresh_for_ns, keep.matched_for_ns) == (fresh_ms * MS, 3 * SECOND)
