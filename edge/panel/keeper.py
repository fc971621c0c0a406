"""The thread by which changes of recipes go on while nobody looks: see `changes.Changes.settle`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge import log
from edge.errors import EdgeError

_log = log.get(__name__)
_EVERY_S = 0.5
_CLOSE_S = 1.0  # a question to a silent line takes longer: it is turned away when the asker closes, after this


class Keeper:
    """Calls `settle` twice a second. What cannot be done now is tried again, and told once."""

    def __init__(self, settle: Callable[[], None], every_s: float = _EVERY_S) -> None:
        self._settle, self._every_s = settle, every_s
        self._ending = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="panel-keeper", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            try:
                self._settle()
                self._told = ""
            except EdgeError as error:
                if self._told != error.message:
                    self._told = error.message
                    _log.warning("changes of recipes wait: %s", error)
