from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.bus.ring import RingReader, RingSpec, RingWriter
from edge.errors import RingError

SPEC = RingSpec(station="s", camera="top", epoch=7, slots=3, height=6, width=10, channels=3)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[RingWriter]:
    writer = RingWriter.create(tmp_path, SPEC)
    yield writer
    writer.close()


@pytest.fixture
def reader(writer: RingWriter, tmp_path: Path) -> Iterator[RingReader]:
    reader = RingReader.attach(tmp_path, "s", "top", 7)
    yield reader
    reader.close()


def put(writer: RingWriter, slot: int, value: int, seq: int = 1) -> int:
    writer.begin(slot)[:] = value
    return writer.commit(slot, seq=seq, exposed_at_ns=1000 + seq)


# --- the life of a frame


def test_a_frame_crosses_in_place(writer: RingWriter, reader: RingReader) -> None:
    picture = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)
    writer.begin(1)[:] = picture
    generation = writer.commit(1, seq=5, exposed_at_ns=123)
    assert generation == 2
    assert reader.spec == SPEC
    assert np.array_equal(reader.view(1), picture)
    assert reader.current(1, generation)
    assert reader.meta(1) == (generation, 5, 123)


def test_slots_do_not_touch_each_other(writer: RingWriter, reader: RingReader) -> None:
    generations = [put(writer, slot, 10 + slot, seq=slot + 1) for slot in range(3)]
    for slot, generation in enumerate(generations):
        assert reader.current(slot, generation)
        assert reader.meta(slot).seq == slot + 1
        assert (reader.view(slot) == 10 + slot).all()


def test_a_frame_is_not_current_from_begin_on(writer: RingWriter, reader: RingReader) -> None:
    first = put(writer, 0, 1)
    writer.begin(0)
    assert not reader.current(0, first)
    assert not reader.current(0, first + 1)
    assert reader.meta(0) == (first + 1, 0, 0)
    assert reader.copy(0, first) is None
    second = writer.commit(0, seq=2, exposed_at_ns=9)
    assert not reader.current(0, first)
    assert reader.current(0, second)


def test_a_slot_never_written_or_given_up_holds_no_frame(writer: RingWriter, reader: RingReader) -> None:
    assert reader.meta(0) == (0, 0, 0)
    assert not reader.current(0, 0)
    old = put(writer, 0, 1)
    writer.begin(0)
    writer.abort(0)
    generation, seq, _ = reader.meta(0)
    assert (generation, seq) == (old + 2, 0)
    assert not reader.current(0, generation)
    assert not reader.current(0, old)
    assert reader.current(0, put(writer, 0, 2))


def test_copy_gives_the_frame_into_a_buffer_or_a_new_array(writer: RingWriter, reader: RingReader) -> None:
    generation = put(writer, 0, 77)
    out = np.zeros(SPEC.shape, np.uint8)
    assert reader.copy(0, generation, out) is out
    assert (out == 77).all()
    fresh = reader.copy(0, generation)
    assert fresh is not None
    put(writer, 0, 78)
    assert (fresh == 77).all()


@pytest.mark.parametrize("out", [np.zeros((6, 10, 1), np.uint8), np.zeros((6, 10, 3), np.uint16)])
def test_copy_refuses_a_buffer_that_does_not_fit(writer: RingWriter, reader: RingReader, out: np.ndarray) -> None:
    generation = put(writer, 0, 1)
    with pytest.raises(RingError, match="does not go into"):
        reader.copy(0, generation, out)


def test_a_reader_cannot_write(writer: RingWriter, reader: RingReader) -> None:
    with pytest.raises(ValueError, match="read-only"):
        reader.view(0)[:] = 1


@pytest.mark.parametrize("slot", [-1, 3, 2**40])
def test_a_slot_that_is_not_there_is_an_error(writer: RingWriter, reader: RingReader, slot: int) -> None:
    looks: list[Callable[[], object]] = [
        lambda: reader.view(slot),
        lambda: reader.current(slot, 2),
        lambda: reader.meta(slot),
        lambda: writer.begin(slot),
        lambda: writer.commit(slot, seq=1, exposed_at_ns=0),
    ]
    for look in looks:
        with pytest.raises(RingError, match="not there"):
            look()


def test_begin_and_commit_alternate(writer: RingWriter) -> None:
    with pytest.raises(RingError, match="not begun"):
        writer.commit(0, seq=1, exposed_at_ns=0)
    writer.begin(0)
    with pytest.raises(RingError, match="being written"):
        writer.begin(0)
    with pytest.raises(RingError, match="cannot be"):
        writer.commit(0, seq=0, exposed_at_ns=0)


# --- closing


def test_a_reader_survives_the_writers_close(writer: RingWriter, reader: RingReader) -> None:
    generation = put(writer, 2, 42)
    writer.close()
    assert not writer.path.exists()
    assert reader.current(2, generation)
    assert (reader.view(2) == 42).all()


def test_close_tolerates_arrays_given_out_and_is_idempotent(tmp_path: Path) -> None:
    writer = RingWriter.create(tmp_path, SPEC)
    other = os.open(writer.path, os.O_RDWR)
    held = writer.begin(0)
    held[:] = 3
    writer.commit(0, seq=1, exposed_at_ns=1)
    reader = RingReader.attach(tmp_path, "s", "top", 7)
    seen = reader.view(0)
    for end in (writer, reader, writer, reader):
        end.close()
    assert (held == 3).all()
    assert (seen == 3).all()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RingError, match="closed"):
        reader.view(0)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free, although `held` keeps the mapping alive
    os.close(other)
    RingWriter.create(tmp_path, SPEC).close()


def test_closing_and_opening_leaves_no_descriptor(tmp_path: Path) -> None:
    def once() -> None:
        writer = RingWriter.create(tmp_path, SPEC)
        reader = RingReader.attach(tmp_path, "s", "top", 7)
        reader.close()
        writer.close()

    once()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        once()
    assert len(os.listdir("/proc/self/fd")) == before


# --- torn reads

HAMMER = """
import sys, time
from pathlib import Path
from edge.bus.ring import RingSpec, RingWriter

spec = RingSpec(station="s", camera="top", epoch=7, slots=2, height=400, width=600, channels=3)
ring = RingWriter.create(Path(sys.argv[1]), spec)
print("ready", flush=True)
seq = 0
end = time.monotonic() + 30
while time.monotonic() < end:
    seq += 1
    ring.begin(seq % 2)[:] = seq % 251
    ring.commit(seq % 2, seq=seq, exposed_at_ns=seq * 1000)
"""


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


def test_no_mixed_frame_is_ever_accepted(tmp_path: Path) -> None:
    """Two real processes, no pause. A frame is one value all over, known from its seq.

    Ends early when enough was seen of all three: whole and current, whole or mixed but not current. Mixed
    frames must turn up among the refused ones, else the test would prove nothing.
    """
    accepted = mixed = 0
    command = [sys.executable, "-c", HAMMER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, killed(process):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        reader = RingReader.attach(tmp_path, "s", "top", 7)
        end = time.monotonic() + 15
        enough_at = time.monotonic() + 1.5
        turn = 0
        while time.monotonic() < end and not (time.monotonic() > enough_at and accepted >= 20 and mixed >= 3):
            turn += 1
            slot = turn % 2
            generation, seq, exposed_at_ns = reader.meta(slot)
            if not seq:
                continue
            assert exposed_at_ns == seq * 1000
            pixels = reader.view(slot)
            low, high = int(pixels.min()), int(pixels.max())
            copied = reader.copy(slot, generation)
            if reader.current(slot, generation):
                assert (low, high) == (seq % 251, seq % 251)
                accepted += 1
            elif low != high:
                mixed += 1
            if copied is not None:
                assert copied.min() == copied.max() == seq % 251
        reader.close()
    assert accepted >= 20
    assert mixed >= 3
