"""Each part gets the frame that was exposed in its window, and no frame serves two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.bus.wire import Expect, FrameReady
from edge.clock import MS
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.result import RecipeRef
from edge.inference.matching import FrameBook, Pace

TRIGGERED = Pace(triggered=True, period_ns=100 * MS)
FREE = Pace(triggered=False, period_ns=33 * MS)
REF = RecipeRef(name="disc", version=1, digest="0" * 16)


def frame(seq: int, at_ms: float, *, error_ms: float = 0.0, epoch: int = 1) -> FrameReady:
    ref = FrameRef(
        camera="top",
        epoch=epoch,
        slot=seq % 8,
        generation=2 * seq,
        seq=seq,
        exposed_at_ns=int(at_ms * MS),
        error_ns=int(error_ms * MS),
    )
    return FrameReady(frame=ref, height=64, width=64, channels=3)


def expect(n: int, low_ms: float, high_ms: float) -> Expect:
    return Expect(
        part=PartId(station="s", epoch=1, n=n),
        view="top",
        recipe=REF,
        not_before_ns=int(low_ms * MS),
        not_after_ns=int(high_ms * MS),
        cutoff_ns=10**12,
    )


def _seq(ready: FrameReady | None) -> int | None:
    return ready.frame.seq if ready else None


def test_a_triggered_frame_is_taken_at_once() -> None:
    book = FrameBook(TRIGGERED)
    assert book.take(expect(1, 1000, 1080), 1000 * MS) is None
    book.add(frame(1, 1005))
    assert _seq(book.take(expect(1, 1000, 1080), 1006 * MS)) == 1


def test_a_frame_serves_one_part_only() -> None:
    book = FrameBook(TRIGGERED)
    book.add(frame(1, 1040))
    assert _seq(book.take(expect(1, 1000, 1080), 1041 * MS)) == 1
    assert book.take(expect(2, 1010, 1090), 1041 * MS) is None
    book.add(frame(1, 1040))  # announced again: still taken
    assert book.take(expect(2, 1010, 1090), 1041 * MS) is None


def test_the_error_of_the_exposure_must_fit_too() -> None:
    book = FrameBook(TRIGGERED)
    book.add(frame(1, 1005, error_ms=6))
    book.add(frame(2, 1076, error_ms=6))
    assert book.take(expect(1, 1000, 1080), 1100 * MS) is None
    book.add(frame(3, 1074, error_ms=6))
    assert _seq(book.take(expect(1, 1000, 1080), 1100 * MS)) == 3


def test_the_frame_nearest_the_middle_wins() -> None:
    book = FrameBook(FREE)
    for seq, at in enumerate((1002, 1035, 1068), 1):
        book.add(frame(seq, at))
    assert _seq(book.take(expect(1, 1000, 1080), 1070 * MS)) == 2


def test_a_free_camera_is_waited_for_while_a_nearer_frame_may_come() -> None:
    book = FrameBook(FREE)
    book.add(frame(1, 1010))
    assert book.take(expect(1, 1000, 1080), 1012 * MS) is None
    book.add(frame(2, 1043))
    assert _seq(book.take(expect(1, 1000, 1080), 1044 * MS)) == 2


def test_a_free_camera_that_stalls_is_not_waited_for_for_ever() -> None:
    book = FrameBook(FREE)
    book.add(frame(1, 1010))
    assert book.take(expect(1, 1000, 1080), 1070 * MS) is None
    assert _seq(book.take(expect(1, 1000, 1080), 1077 * MS)) == 1


def test_a_next_frame_beyond_the_window_is_not_waited_for() -> None:
    book = FrameBook(Pace(triggered=False, period_ns=100 * MS))
    book.add(frame(1, 1010))
    assert _seq(book.take(expect(1, 1000, 1080), 1012 * MS)) == 1


def test_frames_announced_in_the_wrong_order_go_to_their_parts() -> None:
    book = FrameBook(TRIGGERED)
    book.add(frame(2, 1205))
    book.add(frame(1, 1005))
    assert _seq(book.take(expect(1, 980, 1060), 1210 * MS)) == 1
    assert _seq(book.take(expect(2, 1180, 1260), 1210 * MS)) == 2


def test_epochs_do_not_mix_numbers() -> None:
    book = FrameBook(TRIGGERED)
    assert book.add(frame(1, 1005))
    assert book.add(frame(1, 2005, epoch=2))
    assert not book.add(frame(1, 2005, epoch=2))


def test_the_book_is_bounded_and_counts_what_nobody_took() -> None:
    book = FrameBook(TRIGGERED)
    for seq in range(1, 600):
        book.add(frame(seq, seq * 10))
    assert book.unmatched == 599 - 512


@given(st.lists(st.integers(0, 3000), max_size=40, unique=True), st.lists(st.integers(0, 3000), max_size=20))
def test_no_frame_twice_and_always_inside_the_window(exposures: list[int], triggers: list[int]) -> None:
    book = FrameBook(FREE)
    for seq, at in enumerate(sorted(exposures), 1):
        book.add(frame(seq, at))
    taken = []
    for n, at in enumerate(triggers):
        ready = book.take(expect(n, at - 20, at + 60), 10_000 * MS)
        if ready is not None:
            assert (at - 20) * MS <= ready.frame.exposed_at_ns <= (at + 60) * MS
            taken.append(ready.frame.seq)
    assert len(taken) == len(set(taken))
