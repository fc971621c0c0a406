"""Asking `line`: one thread with its own way to the bus, one question at a time, a short queue in front of it.

A question that got no answer must not be carried out later, when somebody has long walked away from it: its bus is
closed with it, and what was still queued for a `line` that was down is gone within 200 ms.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Future
from pathlib import Path

from edge.bus import topics, wire
from edge.bus.sockets import Bus, Client
from edge.errors import EdgeError, Refused, ServiceError
from edge.service import Stop

QUEUE = 2  # questions that wait; the next is refused to the asker. With it, nobody waits longer than 6 s
ASK_MS = 1500
_WAIT_S = 0.2
_GIVE_UP_S = (QUEUE + 1) * (ASK_MS / 1000 + 0.5)
_CLOSE_S = ASK_MS / 1000 + 0.3
_MAY_BE_LATE = "look at the state before you ask again: what the line had already received may still be done"


class LineCommands:
    """`ask` may be called from any thread but the event loop's: it waits."""

    def __init__(self, run_dir: Path, ask_ms: int = ASK_MS) -> None:
        self._run_dir = run_dir
        self._ask_ms = ask_ms
        self._stop = Stop()
        self._queue: queue.Queue[tuple[wire.Message, Future[wire.Message]]] = queue.Queue(QUEUE)
        self._thread = threading.Thread(target=self._run, name="panel-commands", daemon=True)
        self.asked = 0
        self.unanswered = 0
        self.refused_full = 0

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def queue_state(self) -> wire.QueueState:
        return wire.QueueState(name="asks", size=QUEUE, depth=self._queue.qsize(), dropped=self.refused_full)

    def start(self) -> None:
        self._thread.start()

    def ask(self, request: wire.Message) -> wire.Reply:
        """The line's yes. Refused with its own words; ServiceError when it does not answer or too many ask."""
        answer: Future[wire.Message] = Future()
        try:
            self._queue.put_nowait((request, answer))
        except queue.Full as error:
            self.refused_full += 1
            raise ServiceError("too many requests to the line wait already", hint="wait a second, try again") from error
        try:
            reply = answer.result(_GIVE_UP_S)
        except TimeoutError as error:
            answer.cancel()
            raise ServiceError("the panel could not ask the line in time", hint="see the system page") from error
        if not isinstance(reply, wire.Reply):
            raise ServiceError("the line answered something else", hint="is it of this release?")
        if not reply.ok:
            raise Refused(reply.message or "the line refused", hint=reply.hint)
        return reply

    def close(self) -> None:
        self._stop.request()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._stop.requested:
            with Bus(self._run_dir) as bus:
                client = bus.client(topics.COMMANDS)
                while not self._stop.requested and self._turn(client):
                    pass
        self._turn_away()

    def _turn(self, client: Client) -> bool:
        """False when the bus must not be used again."""
        try:
            request, answer = self._queue.get(timeout=_WAIT_S)
        except queue.Empty:
            return True
        if not answer.set_running_or_notify_cancel():
            return True  # whoever asked has gone: it is not carried out
        self.asked += 1
        try:
            answer.set_result(client.ask(request, self._ask_ms))
        except EdgeError as error:
            self.unanswered += 1
            answer.set_exception(ServiceError(error.message, hint=_MAY_BE_LATE))
            return False
        return True

    def _turn_away(self) -> None:
        """Those who still wait when the panel ends learn it at once."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()[1].set_exception(ServiceError("the panel is ending", hint="try again"))
