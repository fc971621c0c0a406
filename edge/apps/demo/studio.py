"""The virtual camera's pictures, drawn before they are due, in a thread of their own.

Drawing takes 6 to 80 ms a part (defects are slow); a real sensor has its picture a few ms after the exposure.
OpenCV lets go of the interpreter while it draws, so the machine's loop keeps its times meanwhile.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

import numpy.typing as npt

from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.world import Draw
from edge.errors import ServiceError

Image = npt.NDArray[Any]
_QUEUE = 64  # parts on the belt up to the sensor: about ten at most


class Studio:
    """`order` pictures, `take` them when they are due. `close` waits for the picture being drawn (under 0.1 s)."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._orders: queue.Queue[Draw | None] = queue.Queue(_QUEUE)
        self._lock = threading.Lock()
        self._done: dict[int, Image] = {}
        self._taken = 0
        self._thread = threading.Thread(target=self._work, name="studio")
        self._thread.start()

    @property
    def size(self) -> tuple[int, int]:
        return self._renderer.size

    def order(self, draw: Draw) -> None:
        """Never blocks. ServiceError when this machine draws slower than the belt brings parts."""
        try:
            self._orders.put_nowait(draw)
        except queue.Full as error:
            raise ServiceError("pictures are drawn too slowly for this belt", hint="lower --rate") from error

    def take(self, n: int) -> Image | None:
        """Part n's picture (H, W, 3) BGR uint8, or None while it is not drawn. Earlier ones are dropped."""
        with self._lock:
            picture = self._done.pop(n, None)
            if picture is not None:
                self._taken = max(self._taken, n)
                for old in [number for number in self._done if number < n - 2]:
                    del self._done[old]
            return picture

    def close(self) -> None:
        while self._thread.is_alive():
            try:
                self._orders.get_nowait()
            except queue.Empty:
                break
        self._orders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (draw := self._orders.get()) is not None:
            middle_px = self._renderer.size[1] / 2
            scale = self._renderer.scale
            picture = self._renderer.frame([(draw.spec, middle_px)], draw.belt_px * scale, draw.spec.n, draw.spec.n)
            with self._lock:
                if draw.spec.n > self._taken - 2:  # else its part was never photographed and is long past
                    self._done[draw.spec.n] = picture
