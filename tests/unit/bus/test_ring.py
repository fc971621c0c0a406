from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.bus.ring import RingReader, RingSpec, RingWriter, clean_stale, ring_path
from edge.bus.ringfile import allocate, create_locked
from edge.errors import RingError, UsageError

SPEC = RingSpec(station="s", camera="top", epoch=7, slots=3, height=6, width=10, channels=3)

CHILD = """
import sys, time, resource
from pathlib import Path
from edge.bus.ring import RingSpec, RingWriter
from edge.errors import RingError

def make(slots=3, height=6, width=10):
    spec = RingSpec(
        station="s", camera="top", epoch=7, slots=slots, height=height, width=width, channels=3
    )
    return RingWriter.create(Path(sys.argv[1]), spec)
"""


@contextmanager
def child(directory: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    """A real second process that runs `body`; gone at the end, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD + body, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


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


# --- making and attaching


def test_the_file_is_private_whole_and_unique(writer: RingWriter, tmp_path: Path) -> None:
    status = writer.path.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size == SPEC.total_bytes
    assert status.st_blocks * 512 >= SPEC.total_bytes
    with pytest.raises(RingError, match="cannot be made") as caught:
        RingWriter.create(tmp_path, SPEC)
    assert "already running" in caught.value.hint
    assert writer.path.exists()


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    ring_path(tmp_path, "s", "top", 7).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RingError):
        RingWriter.create(tmp_path, SPEC)
    with pytest.raises(RingError):
        RingReader.attach(tmp_path, "s", "top", 7)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("limit_bytes", [0, 100_000, 1_000_000])
def test_no_room_is_an_error_with_a_hint_and_leaves_nothing(tmp_path: Path, limit_bytes: int) -> None:
    """RLIMIT_FSIZE stands in for a full tmpfs: both refuse the allocation before any store."""
    body = f"""
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))
try:
    make(slots=8, height=480, width=640)
except RingError as error:
    print(error.hint)
"""
    with child(tmp_path, body) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "fewer slots" in out
    assert list(tmp_path.iterdir()) == []


def test_the_memory_is_taken_before_the_first_store(tmp_path: Path) -> None:
    """A sparse file would do until the tmpfs is full, and then be SIGBUS."""
    path = tmp_path / "ring"
    fd = create_locked(path)
    allocate(fd, path, 1 << 20)
    assert os.fstat(fd).st_blocks * 512 >= 1 << 20
    os.close(fd)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a+b", "x" * 41, ".hidden", "a\n"])
def test_names_that_could_not_be_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        ring_path(tmp_path, name, "top", 1)
    with pytest.raises(UsageError):
        ring_path(tmp_path, "s", name, 1)
    with pytest.raises(UsageError):
        clean_stale(tmp_path, name)


def test_different_rings_never_share_a_name(tmp_path: Path) -> None:
    assert ring_path(tmp_path, "a-b", "c", 1) != ring_path(tmp_path, "a", "b-c", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"slots": 0},
        {"slots": 257},
        {"height": 0},
        {"width": 40_000},
        {"channels": 2},
        {"channels": 4},
        {"epoch": -1},
        {"slots": 256, "height": 4000, "width": 4000},
    ],
)
def test_sizes_out_of_bounds_are_refused(change: dict[str, int]) -> None:
    sizes = {"epoch": 1, "slots": 3, "height": 6, "width": 10, "channels": 3} | change
    with pytest.raises(RingError) as caught:
        RingSpec(station="s", camera="top", **sizes)
    assert caught.value.hint


def test_attach_without_a_ring_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(RingError) as caught:
        RingReader.attach(tmp_path, "s", "top", 7)
    assert caught.value.hint


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


# Header: magic 0, version 8, epoch 16, slots 24, height 28, width 32, channels 36, total 40, names 48 and 88.
DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: os.truncate(path, 0),
    "cut in the header": lambda path: os.truncate(path, 40),
    "cut in the pixels": lambda path: os.truncate(path, SPEC.total_bytes - 1),
    "too long": lambda path: os.truncate(path, SPEC.total_bytes + 4096),
    "magic": lambda path: overwrite(path, 0, b"EDGERINX"),
    "version": lambda path: overwrite(path, 8, u32(2)),
    "epoch": lambda path: overwrite(path, 16, u32(8)),
    "no slots": lambda path: overwrite(path, 24, u32(0)),
    "too many slots": lambda path: overwrite(path, 24, u32(2**32 - 1)),
    "one slot more": lambda path: overwrite(path, 24, u32(4)),
    "height": lambda path: overwrite(path, 28, u32(2**31)),
    "wider than the file": lambda path: overwrite(path, 32, u32(32_000)),
    "channels": lambda path: overwrite(path, 36, u32(7)),
    "total": lambda path: overwrite(path, 40, u32(1)),
    "another station": lambda path: overwrite(path, 48, b"t"),
    "a name that is no name": lambda path: overwrite(path, 88, b"\xff/"),
    "others may write": lambda path: path.chmod(0o622),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_ring_is_refused(writer: RingWriter, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    RingReader.attach(tmp_path, "s", "top", 7).close()
    damage(writer.path)
    with pytest.raises(RingError) as caught:
        RingReader.attach(tmp_path, "s", "top", 7)
    assert caught.value.hint


def test_a_fifo_in_the_place_of_a_ring_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(ring_path(tmp_path, "s", "top", 7), 0o600)
    with pytest.raises(RingError):
        RingReader.attach(tmp_path, "s", "top", 7)


# --- rings of the dead


def test_a_killed_writers_ring_is_removed_and_a_live_one_kept(tmp_path: Path) -> None:
    with child(tmp_path, "ring = make(); print('ready', flush=True); time.sleep(60)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        path = ring_path(tmp_path, "s", "top", 7)
        assert clean_stale(tmp_path, "s") == []
        assert path.exists()
        reader = RingReader.attach(tmp_path, "s", "top", 7)
        process.kill()
        process.wait()
        assert clean_stale(tmp_path, "s", "top") == [path]
        assert not path.exists()
        assert (reader.view(0) == 0).all()
        reader.close()


def test_only_the_named_station_and_camera_are_cleaned(tmp_path: Path) -> None:
    live = RingWriter.create(tmp_path, SPEC)
    mine = ring_path(tmp_path, "s", "side", 1)
    others = [
        ring_path(tmp_path, "s2", "side", 1),
        ring_path(tmp_path, "s", "other", 1),
        tmp_path / "edge-s+side.ring",
        tmp_path / "edge-s+side+x.ring",
        tmp_path / "unrelated",
    ]
    for path in [mine, *others]:
        path.touch(0o600)
    link = ring_path(tmp_path, "s", "side", 2)
    link.symlink_to(tmp_path / "unrelated")
    assert clean_stale(tmp_path, "s", "side") == [mine]
    assert all(path.exists() for path in [*others, live.path, link])
    live.close()


def test_cleaners_never_take_a_ring_that_is_being_made(tmp_path: Path) -> None:
    """Cleaners run without pause while rings are made: each made ring is there until it is closed."""
    stop = threading.Event()

    def clean() -> None:
        while not stop.is_set():
            clean_stale(tmp_path, "s")

    cleaners = [threading.Thread(target=clean) for _ in range(2)]
    for thread in cleaners:
        thread.start()
    try:
        for epoch in range(150):
            spec = RingSpec(station="s", camera="c", epoch=epoch, slots=1, height=2, width=2, channels=1)
            writer = RingWriter.create(tmp_path, spec)
            RingReader.attach(tmp_path, "s", "c", epoch).close()
            writer.close()
    finally:
        stop.set()
        for thread in cleaners:
            thread.join()
    assert list(tmp_path.iterdir()) == []


# --- torn reads

HAMMER = """
ring = make(slots=2, height=400, width=600)
print("ready", flush=True)
seq = 0
end = time.monotonic() + 30
while time.monotonic() < end:
    seq += 1
    ring.begin(seq % 2)[:] = seq % 251
    ring.commit(seq % 2, seq=seq, exposed_at_ns=seq * 1000)
"""


def test_no_mixed_frame_is_ever_accepted(tmp_path: Path) -> None:
    """Two real processes, no pause. A frame is one value all over, known from its seq.

    Ends early when enough was seen of all three: whole and current, whole or mixed but not current. Mixed
    frames must turn up among the refused ones, else the test would prove nothing.
    """
    accepted = mixed = 0
    with child(tmp_path, HAMMER) as process:
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
        process.kill()
    assert accepted >= 20
    assert mixed >= 3
