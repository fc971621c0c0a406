"""A process of the bench that is asked for one thing after the other, while the station is minded meanwhile."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from edge.errors import ServiceError

_LOOK_S = 0.02
_END_WITHIN_S = 10.0
Answer = Callable[[Any], Any]


class Child:
    """`work(pipe, *arguments)` runs in a process of its own (spawned), sends once when it is ready, then answers.

    meanwhile: called every 20 ms while an answer is awaited. `close` ends the process and waits.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any, meanwhile: Callable[[], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._meanwhile = meanwhile
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self.hear(within_s=60.0)
        except ServiceError:
            self.close()
            raise

    def tell(self, question: Any) -> None:
        self._ours.send(question)

    def ask(self, question: Any, within_s: float) -> Any:
        self.tell(question)
        return self.hear(within_s)

    def close(self) -> None:
        self._ours.close()
        self._process.join(_END_WITHIN_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def hear(self, within_s: float) -> Any:
        """The answer to what was told. ServiceError when the process ended or takes too long."""
        until_s = time.monotonic() + within_s
        try:
            while time.monotonic() < until_s:
                if self._ours.poll(_LOOK_S):
                    return self._ours.recv()
                self._meanwhile()
        except EOFError as error:
            raise ServiceError("a process of the bench ended early", hint="see its messages above") from error
        raise ServiceError("a process of the bench does not answer", hint="is the machine overloaded?")


def serve(pipe: Connection, answer: Answer) -> None:
    """In the child: ready, then answers until the other end is closed."""
    pipe.send(None)
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(question))
