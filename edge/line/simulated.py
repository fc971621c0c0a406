"""The simulated port: the virtual line's inputs over the bus, its outputs through a page of memory."""

from __future__ import annotations

from pathlib import Path

from edge.bus import topics, wire
from edge.bus.iopage import Output, OutputPage
from edge.bus.sockets import Bus, Poller
from edge.clock import MS, Clock
from edge.errors import PortError
from edge.line.ports import Input, InputEvent

PAGE_NAME = "sim-outputs.page"
_LOOK_NS = 100 * MS  # how often the page is looked for, or looked at: a virtual line that starts again makes a new one
_EDGES = {name.value: name for name in (Input.SENSOR, Input.BELT, Input.CONFIRM, Input.BIN_FULL)}


class SimulatedPort:
    """Not alive, so that the permit is off, until the virtual line is there; found again when it starts again."""

    def __init__(self, bus: Bus, run_dir: Path, clock: Clock) -> None:
        self._inputs = bus.subscriber(topics.SIM_INPUTS)
        self._path = run_dir / PAGE_NAME
        self._clock = clock
        self._page: OutputPage | None = None
        self._inode = 0
        self._old: list[OutputPage] = []  # the gate thread may still be writing to one: closed at the end
        self._next_look_ns = 0
        self._levels: dict[Output, bool] = {}
        self._written: OutputPage | None = None
        self._heard_ns = 0
        self._unknown = 0

    def register(self, poller: Poller) -> None:
        poller.add(self._inputs)

    def read(self) -> list[InputEvent]:
        now_ns = self._clock.now_ns()
        if now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + _LOOK_NS
            self._look()
        events: list[InputEvent] = []
        for message in self._inputs.drain():
            events += self._translate(message, now_ns)
        return events

    def set(self, output: Output, level: bool) -> None:
        self._levels[output] = level
        page = self._page
        if page is None:
            return
        now_ns = self._clock.now_ns()
        if page is not self._written:  # a new page knows nothing yet
            self._written = page
            for known, standing in self._levels.items():
                page.write(known, standing, now_ns)
            return
        page.write(output, level, now_ns)

    def alive(self, now_ns: int) -> bool:
        if self._page is None or self._heard_ns == 0:
            return False
        return now_ns - self._heard_ns <= topics.SIM_INPUTS.silent_after_ms * MS

    def seen_until_ns(self) -> int:
        return self._heard_ns

    def lost(self) -> int:
        return self._inputs.lost

    def queues(self) -> tuple[wire.QueueState, ...]:
        state = self._inputs.queue_state()
        malformed = state.malformed + self._unknown
        return (
            wire.QueueState(
                name=state.name, size=state.size, dropped=state.dropped, lost=state.lost, malformed=malformed
            ),
        )

    def close(self) -> None:
        """After the gate thread has ended."""
        if self._page is not None:
            self._old.append(self._page)
            self._page = None
        for page in self._old:
            page.close()
        self._old.clear()

    def _look(self) -> None:
        try:
            before = self._path.stat().st_ino
        except OSError:
            self._drop_page()
            return
        if self._page is not None and before == self._inode:
            return
        try:
            page = OutputPage.attach(self._path)
            after = self._path.stat().st_ino
        except (PortError, OSError):
            self._drop_page()
            return
        self._drop_page()
        if before == after:
            self._page, self._inode = page, after
        else:  # replaced meanwhile: the next look finds the newer one
            self._old.append(page)

    def _drop_page(self) -> None:
        if self._page is not None:
            self._old.append(self._page)
        self._page = None

    def _translate(self, message: wire.Message, now_ns: int) -> list[InputEvent]:
        if isinstance(message, wire.InputEdge):
            kind = _EDGES.get(message.input)
            if kind is None:
                self._unknown += 1
                return []
            at_ns = self._heard(message.at_ns, now_ns)
            return [InputEvent(input=kind, value=int(message.value), at_ns=at_ns)]
        if isinstance(message, wire.InputLevels):
            at_ns = self._heard(message.at_ns, now_ns)
            values = {
                Input.BELT: int(message.belt),
                Input.BIN_FULL: int(message.bin_full),
                Input.SENSOR: int(message.sensor),
                Input.ENCODER: message.ticks,
            }
            return [InputEvent(input=key, value=value, at_ns=at_ns, edge=False) for key, value in values.items()]
        return []

    def _heard(self, at_ns: int, now_ns: int) -> int:
        """A stamp from the future is counted and taken as now: a part is never lost for it."""
        if at_ns > now_ns:
            self._unknown += at_ns > now_ns + MS
            at_ns = now_ns
        self._heard_ns = max(self._heard_ns, at_ns)
        return at_ns
