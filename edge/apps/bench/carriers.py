"""Both ends of each way that `bench.transport` compares, behind one shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np

from edge.bus import rivals, topics, wire
from edge.bus.bands import BandCopier
from edge.bus.ring import Pixels, RingReader, RingSpec, RingWriter
from edge.bus.sockets import Bus
from edge.domain.frame import FrameRef

SLOTS = 4
_STATION, _EPOCH = "bench", 1
_PATIENCE_MS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where both ends meet. shape: (height, width, channels). ring: the camera name of the ring."""

    folder: Path
    shm_dir: Path
    shape: tuple[int, int, int]
    ring: str

    @property
    def socket(self) -> Path:
        return self.folder / "rival.sock"


class Sender(Protocol):
    def next_frame(self) -> Pixels:
        """The picture to be sent next, to put stamps in."""
        ...

    def send(self, sent_ns: int) -> None: ...

    def close(self) -> None: ...


def picture(shape: tuple[int, ...]) -> Pixels:
    """Of real pages: untouched zeros are all one page of the kernel's, and quicker to read than any picture."""
    return np.random.default_rng(1).integers(0, 255, shape, np.uint8)


def stamp(frame: Pixels, value: int) -> None:
    """Mark the first, middle and last rows."""
    for row in _rows(frame):
        frame[row, 0] = value


def stamped(frame: Pixels, value: int) -> bool:
    return all(bool((frame[row, 0] == value).all()) for row in _rows(frame))


def _rows(frame: Pixels) -> tuple[int, int, int]:
    return 0, frame.shape[0] // 2, frame.shape[0] - 1


class RingSender:
    """The product's own way. copies: the frame comes from elsewhere; else the camera filled the slot."""

    def __init__(self, place: Place, *, copies: bool) -> None:
        height, width, channels = place.shape
        spec = RingSpec(
            station=_STATION,
            camera=place.ring,
            epoch=_EPOCH,
            slots=SLOTS,
            height=height,
            width=width,
            channels=channels,
        )
        self._ring = RingWriter.create(place.shm_dir, spec)
        self._bus = Bus(place.folder)
        self._frames = self._bus.publisher(topics.FRAMES)
        self._source = picture(place.shape) if copies else None
        self._copier = BandCopier(place.shape)
        self._seq = 0

    def next_frame(self) -> Pixels:
        self._seq += 1
        if self._source is not None:
            return self._source
        return self._ring.begin(self._seq % SLOTS)

    def send(self, sent_ns: int) -> None:
        slot = self._seq % SLOTS
        if self._source is not None:
            self._copier(self._ring.begin(slot), self._source)
        generation = self._ring.commit(slot, seq=self._seq, exposed_at_ns=sent_ns)
        spec = self._ring.spec
        frame = FrameRef(
            camera=spec.camera,
            epoch=spec.epoch,
            slot=slot,
            generation=generation,
            seq=self._seq,
            exposed_at_ns=sent_ns,
            error_ns=0,
        )
        self._frames.send(wire.FrameReady(frame=frame, height=spec.height, width=spec.width, channels=spec.channels))

    def close(self) -> None:
        self._bus.close()
        self._ring.close()
        self._copier.close()


class CopySender:
    """The usual way: the whole frame is in the message."""

    def __init__(self, place: Place, sender: rivals.FrameSender) -> None:
        self._frame = picture(place.shape)
        self._sender = sender

    def next_frame(self) -> Pixels:
        return self._frame

    def send(self, sent_ns: int) -> None:
        self._sender.send(sent_ns, self._frame)

    def close(self) -> None:
        self._sender.close()


def read_frames(method: str, place: Place, producer: Connection) -> None:
    """The reading process: say when ready, then for each value look for it and answer (ns taken, seen)."""
    with _READERS[method](place) as receive:
        producer.send((0, True))
        while (value := _next(producer)) is not None:
            producer.send((0, True))
            producer.send(receive(value))


def _next(producer: Connection) -> int | None:
    try:
        value: int | None = producer.recv()
    except EOFError:
        return None
    return value


Receive = Callable[[int], tuple[int, bool]]


@contextmanager
def _ring_reader(place: Place) -> Iterator[Receive]:
    ring = RingReader.attach(place.shm_dir, _STATION, place.ring, _EPOCH)
    with Bus(place.folder) as bus:
        frames = bus.subscriber(topics.FRAMES)
        time.sleep(0.3)  # a subscriber hears nothing until its connection stands, and is not told when

        def receive(value: int) -> tuple[int, bool]:
            message = frames.receive(_PATIENCE_MS)
            if not isinstance(message, wire.FrameReady):
                return 0, False
            frame = message.frame
            good = stamped(ring.view(frame.slot), value) and ring.current(frame.slot, frame.generation)
            return time.monotonic_ns() - frame.exposed_at_ns, good

        yield receive
    ring.close()


@contextmanager
def _rival_reader(receiver: rivals.FrameReceiver) -> Iterator[Receive]:
    def receive(value: int) -> tuple[int, bool]:
        sent_ns, frame = receiver.receive()
        good = stamped(frame, value)
        return time.monotonic_ns() - sent_ns, good

    try:
        yield receive
    finally:
        receiver.close()


_READERS = {
    "ring": _ring_reader,
    "copy": _ring_reader,
    "zmq_copy": lambda place: _rival_reader(rivals.CopyReceiver(place.socket, place.shape)),
    "imagezmq": lambda place: _rival_reader(rivals.ImagezmqReceiver(place.socket)),
}
