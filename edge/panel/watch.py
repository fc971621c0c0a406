"""One thread that hears the bus and keeps the newest snapshot; it also tells the bus of the panel itself.

Queues: those of the channels (`bus.topics`); what they lose is counted and shown. The thread does nothing else, so
that it always keeps up: a browser has no way to slow it down.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edge.bus import topics, wire
from edge.bus.sockets import Bus, Poller, Publisher, Receiver
from edge.clock import MS, Clock
from edge.panel.snapshot import PANEL, SUPERVISOR, Snapshot
from edge.service import Stop

_WAIT_MS = 100
_STATUS_NS = 500 * MS
_CLOSE_S = 1.5
Own = tuple[tuple[wire.QueueState, ...], Mapping[str, float]]


class Watch:
    """`snapshot` may be read from any thread. own: the panel's queues and counters, for its status; called here."""

    def __init__(self, run_dir: Path, expected: tuple[str, ...], clock: Clock, own: Callable[[], Own]) -> None:
        self._run_dir = run_dir
        self._expected = expected
        self._clock = clock
        self._own = own
        self._stop = Stop()
        self._snapshot = Snapshot()
        self._thread = threading.Thread(target=self._run, name="panel-watch", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends within one turn and the sockets' close; waits."""
        self._stop.request()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        others = [name for name in self._expected if name != PANEL]
        with Bus(self._run_dir) as bus:
            receivers = (bus.subscriber(topics.LINE), bus.subscriber(topics.STATUS, *others, SUPERVISOR))
            self._listen(receivers, bus.publisher(topics.STATUS, PANEL))

    def _listen(self, receivers: tuple[Receiver, ...], status: Publisher) -> None:
        poller = Poller(*receivers)
        started_ns, status_at_ns = self._clock.now_ns(), 0
        while not self._stop.requested:
            poller.wait(_WAIT_MS)
            now_ns = self._clock.now_ns()
            self._snapshot = self._heard(receivers, now_ns)
            if now_ns >= status_at_ns:
                status_at_ns = now_ns + _STATUS_NS
                own = self._own_status(started_ns, now_ns)
                self._snapshot = self._snapshot.with_message(own, now_ns, self._expected)
                status.send(own)

    def _heard(self, receivers: tuple[Receiver, ...], now_ns: int) -> Snapshot:
        snapshot = self._snapshot
        for receiver in receivers:
            for message in receiver.drain():
                snapshot = snapshot.with_message(message, now_ns, self._expected)
        queues = tuple(receiver.queue_state() for receiver in receivers)
        if snapshot is self._snapshot and queues == snapshot.queues:
            return snapshot
        return replace(snapshot, version=snapshot.version + 1, queues=queues)

    def _own_status(self, started_ns: int, now_ns: int) -> wire.Status:
        queues, counters = self._own()
        return wire.Status(
            service=PANEL,
            pid=os.getpid(),
            started_ns=started_ns,
            at_ns=now_ns,
            state="ready",
            queues=(*self._snapshot.queues, *queues),
            counters=dict(counters),
            alarms=(),
        )
