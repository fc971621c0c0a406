"""How frames usually travel: copied through ZeroMQ, by hand or by imagezmq. Only `edge bench` uses these,
to measure the ring against them side by side.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import zmq

from edge.bus.ring import Pixels
from edge.errors import MissingExtra, ServiceError

_PATIENCE_S = 20.0


class FrameSender(Protocol):
    def send(self, sent_ns: int, frame: Pixels) -> None: ...

    def close(self) -> None: ...


class FrameReceiver(Protocol):
    def receive(self) -> tuple[int, Pixels]:
        """(time of sending, the frame). Blocks."""
        ...

    def close(self) -> None: ...


class CopySender:
    """PUSH of the frame's bytes, copied into the message as pyzmq does by default."""

    def __init__(self, path: Path) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.set(zmq.SNDHWM, 4)
        self._socket.connect(f"ipc://{path}")

    def send(self, sent_ns: int, frame: Pixels) -> None:
        self._socket.send_multipart([sent_ns.to_bytes(8, "little"), frame.tobytes()])

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


class CopyReceiver:
    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.set(zmq.RCVHWM, 4)
        self._socket.bind(f"ipc://{path}")

    def receive(self) -> tuple[int, Pixels]:
        stamp, data = self._socket.recv_multipart()
        return int.from_bytes(stamp, "little"), np.frombuffer(data, np.uint8).reshape(self._shape)

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


class ImagezmqSender:
    """imagezmq as its README shows it: REQ/REP over TCP, each frame answered.

    path: where the receiver writes its address.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sender: Any = None

    def send(self, sent_ns: int, frame: Pixels) -> None:
        if self._sender is None:  # not before there is somebody to connect to
            self._sender = _imagezmq().ImageSender(connect_to=_written(self._path))
        self._sender.send_image(str(sent_ns), frame)

    def close(self) -> None:
        if self._sender is not None:
            self._sender.zmq_socket.close(linger=0)
            self._sender.zmq_context.term()


class ImagezmqReceiver:
    def __init__(self, path: Path) -> None:
        self._hub: Any = _imagezmq().ImageHub(open_port="tcp://127.0.0.1:*")
        unfinished = path.with_suffix(".new")
        unfinished.write_bytes(self._hub.zmq_socket.get(zmq.LAST_ENDPOINT).rstrip(b"\0"))
        unfinished.replace(path)

    def receive(self) -> tuple[int, Pixels]:
        stamp, frame = self._hub.recv_image()
        self._hub.send_reply(b"OK")
        return int(stamp), frame

    def close(self) -> None:
        self._hub.zmq_socket.close(linger=0)
        self._hub.zmq_context.term()


def _written(path: Path) -> str:
    until = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if time.monotonic() > until:
            raise ServiceError("imagezmq's receiver did not come up", hint="run the bench again")
        time.sleep(0.01)
    return path.read_text(encoding="ascii")


def require_imagezmq() -> None:
    """MissingExtra when imagezmq is not installed."""
    _imagezmq()


def _imagezmq() -> Any:
    try:
        import imagezmq
    except ImportError as error:
        raise MissingExtra("imagezmq", "bench") from error
    return imagezmq
