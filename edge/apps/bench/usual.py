"""The usual design of tutorials, to be compared with: two processes, and in each one thing after the other.

Frames are copied through ZeroMQ; they are resized, turned to RGB and normalised in float64; onnxruntime takes the
threads that it likes; every frame becomes a JPEG, every part a row with a commit of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

from edge.apps.bench.child import Child, serve
from edge.bus import rivals
from edge.bus.ring import Pixels
from edge.domain.model import Preprocess
from edge.inference.preprocess import Tensor
from edge.inference.session import Model, SessionOptions
from edge.store.packages import open_package
from edge.store.rivals import RowPerPart

_DEFAULTS = SessionOptions(threads=0, spinning=True)  # what onnxruntime does when nobody asks otherwise
_FIRST = 8  # parts that show how many more fill the wanted time
_SLACK_S = 60.0
_FRAMES = "frames.npy"


class Usual:
    """The process with the camera and the one that judges. `close` ends both and waits."""

    def __init__(self, package: Path, frames: Sequence[Pixels], folder: Path, meanwhile: Callable[[], None]) -> None:
        folder.mkdir()
        np.save(folder / _FRAMES, np.stack(frames))
        self._judge = Child(_judge, package, folder, frames[0].shape, meanwhile=meanwhile)
        self._camera = Child(_camera, folder, meanwhile=meanwhile)

    def burst(self, seconds: float) -> float:
        """Parts a second, over about so many seconds."""
        return self._parts(max(2, round(self._parts(_FIRST) * seconds)))

    def close(self) -> None:
        self._camera.close()
        self._judge.close()

    def _parts(self, count: int) -> float:
        self._judge.tell(count)
        self._camera.tell(count)
        per_s: float = self._judge.hear(_SLACK_S)
        self._camera.hear(_SLACK_S)
        return per_s


def _camera(pipe: Connection, folder: Path) -> None:
    frames = np.load(folder / _FRAMES, allow_pickle=False)
    sender = rivals.CopySender(folder / "usual.sock")

    def show(count: int) -> None:
        for n in range(count):
            sender.send(time.monotonic_ns(), frames[n % len(frames)])

    serve(pipe, show)
    sender.close()


def _judge(pipe: Connection, package: Path, folder: Path, shape: tuple[int, ...]) -> None:
    opened = open_package(package)
    model, settings = Model.load(opened, _DEFAULTS), opened.manifest.preprocess
    receiver = rivals.CopyReceiver(folder / "usual.sock", shape)
    rows = RowPerPart(folder / "usual.db")

    def judge(count: int) -> float:
        """Parts a second from the first that is done to the last."""
        started_ns = 0
        for n in range(count):
            _, frame = receiver.receive()
            outputs = model.run(_tensor(frame, settings))
            image = folder / f"{n % 100}.jpg"
            cv2.imwrite(str(image), frame)
            rows.add(float(outputs[0][0]), image.name)
            started_ns = started_ns or time.monotonic_ns()
        return (count - 1) * 1e9 / (time.monotonic_ns() - started_ns)

    serve(pipe, judge)
    rows.close()
    receiver.close()


def _tensor(frame: Pixels, settings: Preprocess) -> Tensor:
    small = cv2.resize(frame, (settings.width, settings.height))
    colour = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float64)
    normal = (colour - np.array(settings.mean)) / np.array(settings.std)
    return normal.transpose(2, 0, 1)[None].astype(np.float32)
