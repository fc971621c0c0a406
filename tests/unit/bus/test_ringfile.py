from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
