"""Frames from one process to another: the ring against one memcpy, copies through ZeroMQ, and imagezmq.

Time runs from the producer's start to the moment the reader has seen the stamps in the first, middle and last
rows. Each frame is sent when the reader has finished with the one before, so no queue hides or adds anything.
`ring`: the frame is in its slot already, as when a camera filled it. `copy`: the producer copies it there.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from edge.apps.bench.carriers import SLOTS, CopySender, Place, RingSender, Sender, picture, read_frames, stamp
from edge.bus import rivals
from edge.errors import MissingExtra, ServiceError

SIZES = {"vga": (480, 640, 3), "mono": (1024, 1280, 1), "fhd": (1080, 1920, 3), "hq": (3040, 4056, 3)}
METHODS = ("ring", "copy", "memcpy", "zmq_copy", "imagezmq")
_FRAMES = {"vga": 40, "mono": 40, "fhd": 25, "hq": 9}
_WARM_UP = 2
_PATIENCE_S = 20.0
_REST_S = 0.001  # about what passes between two frames of the others, until their reader waits again


class Progress(Protocol):
    def __call__(self, size: str, method: str) -> None: ...


class Plan(NamedTuple):
    """rounds: how often every method is run in turn. shm_dir: where rings lie. sizes: keys of SIZES."""

    rounds: int
    shm_dir: Path
    progress: Progress
    sizes: tuple[str, ...] = tuple(SIZES)


def measure(plan: Plan) -> dict[str, dict[str, float | None]]:
    """{size: {METHOD_p50_ms: median of the rounds' medians}}; None where the library is not installed."""
    return {size: _measure_size(size, plan) for size in plan.sizes}


def _measure_size(size: str, plan: Plan) -> dict[str, float | None]:
    p50_ms: dict[str, list[float]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
        place = Place(folder=Path(folder), shm_dir=plan.shm_dir, shape=SIZES[size], ring=f"bench{os.getpid()}")
        for _ in range(plan.rounds):
            for method in METHODS:
                plan.progress(size, method)
                try:
                    times_ns = _run(method, place, _FRAMES[size])
                except MissingExtra:
                    continue
                p50_ms[method].append(statistics.median(times_ns) / 1e6)
    return {f"{method}_p50_ms": round(statistics.median(runs), 4) if runs else None for method, runs in p50_ms.items()}


def _run(method: str, place: Place, count: int) -> list[int]:
    if method == "memcpy":
        return _memcpy(place, count)
    if method == "imagezmq":
        rivals.require_imagezmq()  # here, not in the reader's process
    return _between_processes(method, place, count)


def _memcpy(place: Place, count: int) -> list[int]:
    """As a producer's copy is: from one buffer, into as many by turns as the ring has slots, with rests between."""
    source = picture(place.shape)
    targets = [np.ones(place.shape, np.uint8) for _ in range(SLOTS)]
    times_ns = []
    for number in range(count + _WARM_UP):
        time.sleep(_REST_S)
        started_ns = time.monotonic_ns()
        np.copyto(targets[number % SLOTS], source)
        times_ns.append(time.monotonic_ns() - started_ns)
    return times_ns[_WARM_UP:]


_SENDERS: dict[str, Callable[[Place], Sender]] = {
    "ring": lambda place: RingSender(place, copies=False),
    "copy": lambda place: RingSender(place, copies=True),
    "zmq_copy": lambda place: CopySender(place, rivals.CopySender(place.socket)),
    "imagezmq": lambda place: CopySender(place, rivals.ImagezmqSender(place.socket)),
}


def _between_processes(method: str, place: Place, count: int) -> list[int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    reader = context.Process(target=read_frames, args=(method, place, theirs), daemon=True)
    sender = _SENDERS[method](place)
    try:
        reader.start()
        theirs.close()
        return _send_all(sender, ours, count + _WARM_UP)[_WARM_UP:]
    finally:
        ours.close()
        sender.close()
        reader.join(5)
        if reader.is_alive():
            reader.kill()
            reader.join()


def _send_all(sender: Sender, reader: Connection, count: int) -> list[int]:
    _hear(reader)  # it is connected
    times_ns = []
    for number in range(count):
        value = number % 251 + 1
        stamp(sender.next_frame(), value)
        reader.send(value)
        _hear(reader)  # it waits on its socket
        sender.send(time.monotonic_ns())
        took_ns, good = _hear(reader)
        if not good:
            raise ServiceError("a frame arrived with other stamps than it was sent with")
        times_ns.append(took_ns)
    reader.send(None)
    return times_ns


def _hear(reader: Connection) -> tuple[int, bool]:
    try:
        if reader.poll(_PATIENCE_S):
            answer: tuple[int, bool] = reader.recv()
            return answer
    except EOFError as error:
        raise ServiceError("the bench's reading process ended early", hint="see its messages above") from error
    raise ServiceError("a frame was lost on its way in the bench", hint="is the machine overloaded?")
