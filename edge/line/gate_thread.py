"""The gate's thread: sleeps to the next due time, drives outputs, beats. It touches no disk and no bus.

Queues: what it is told (`INBOX` places; a part or an OK that finds no room is refused and counted, and the gate then
puts everything on reject; what moves the belt or takes permission away always finds room: it is bounded by what comes
in while this thread stands still, and a main loop that sees it gone ends), what it reports (`REPORTS` places; the
oldest stay, what finds no room is counted).
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from dataclasses import dataclass, field

from edge.bus.iopage import Output
from edge.bus.wire import QueueState
from edge.clock import SECOND, Clock
from edge.domain.part import PartId
from edge.line import realtime
from edge.line.gate import Done, GatePlan, GateSettings, Trouble, Window
from edge.line.jitter import Jitter
from edge.line.ports import Input, InputEvent, Port

INBOX = 20_000
REPORTS = 20_000
_STANDS_NS, _STANDS_ROUNDS = 2 * SECOND, 50  # it beats many times a second: then it will not wake any more
_AT_ONCE = 200  # messages taken before the output is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """denied: on reject for ever, whatever is said of it later."""

    part: PartId
    window: Window
    denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """The part's OK (or its bypass) is durable."""

    part: PartId


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    event: InputEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Reject for one maximum travel.

    everything: what is in flight never passes either. halt: the same, but for an OK part that is under the open gate
    now. belt_lost: nor is the belt's position known, since `at_ns` (the main thread's belt is told the same time, so
    that both agree on positions ever after).
    """

    everything: bool = False
    halt: bool = False
    belt_lost: bool = False
    at_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutput:
    """Permit or lamp."""

    output: Output
    level: bool


Told = Add | Allow | Inputs | Purge | SetOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an Allow: acted means that it came before the cut-off."""

    part: PartId
    acted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Nobody steered in this time, or the chain behind the gate stood still: these parts are on reject for ever."""

    from_ns: int
    to_ns: int
    parts: tuple[PartId, ...]
    why: str


Report = Done | Trouble | Answer | Gap


@dataclass(slots=True)
class Progress:
    """Written by the main loop and the commit thread, read by the gate: whether the chain still moves.

    main_ns: the main loop's last turn. commit_since_ns: when the commit began that still runs, 0 for none.
    """

    main_ns: int = 0
    commit_since_ns: int = 0
    main_limit_ns: int = 200_000_000
    commit_limit_ns: int = SECOND

    def stuck_since(self, now_ns: int) -> int:
        """Since when the chain stands still; 0: it moves."""
        if self.main_ns and now_ns - self.main_ns > self.main_limit_ns:
            return self.main_ns
        since_ns = self.commit_since_ns
        return since_ns if since_ns and now_ns - since_ns > self.commit_limit_ns else 0


@dataclass(slots=True)
class GateStats:
    jitter: Jitter = field(default_factory=Jitter)
    scheduler: str = "not started"
    refused: int = 0
    reports_lost: int = 0
    gaps: int = 0
    beats: int = 0


class GateThread:
    """`start`, `tell` from any thread, `reports` in the main thread (after `wake_fd` was written), `close` waits."""

    def __init__(
        self,
        *,
        plan: GatePlan,
        port: Port,
        settings: GateSettings,
        heartbeat_ns: int,
        progress: Progress,
        clock: Clock,
        wake_fd: int,
    ) -> None:
        self._plan = plan
        self._port = port
        self._settings = settings
        self._half_ns = heartbeat_ns // 2
        self._progress = progress
        self._clock = clock
        self._wake_fd = wake_fd
        self._inbox: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._out: deque[Report] = deque()
        self._levels: dict[Output, bool] = {}
        self._wanted = {Output.PERMIT: False, Output.LAMP: False}
        self._beat = False
        self._next_beat_ns = 0
        self._withheld = False
        self._overflowed = False
        self._ending = False
        self._awake_ns = 0
        self._watched = (-1, 0, 0)  # by the main thread: last awake, since when, in how many of its rounds
        self.stats = GateStats()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stands(self, now_ns: int) -> bool:
        """Main thread, once a round: whether this one has not looked at anything for two seconds in which the main
        thread went on (a process that was frozen as a whole is no such case)."""
        awake_ns, since_ns, rounds = self._watched
        if awake_ns != self._awake_ns:
            awake_ns, since_ns, rounds = self._awake_ns, now_ns, 0
        self._watched = (awake_ns, since_ns, rounds + 1)
        return rounds >= _STANDS_ROUNDS and now_ns - since_ns > _STANDS_NS

    def tell(self, message: Told) -> bool:
        """Never blocks. False: no room; everything in flight will be put on reject.

        A lost belt edge would leave this thread's belt apart from the main thread's for ever, a lost permit on.
        """
        if isinstance(message, Add | Allow) and self._inbox.qsize() >= INBOX:
            self.stats.refused += 1
            self._overflowed = True
            return False
        self._inbox.put(message)
        return True

    def reports(self) -> list[Report]:
        reports: list[Report] = []
        while self._out:
            reports.append(self._out.popleft())
        return reports

    def queues(self) -> tuple[QueueState, ...]:
        return (
            QueueState(name="gate-inbox", size=INBOX, depth=self._inbox.qsize(), dropped=self.stats.refused),
            QueueState(name="gate-reports", size=REPORTS, depth=len(self._out), dropped=self.stats.reports_lost),
        )

    def close(self) -> None:
        """Gate to reject, permit off, heartbeat still; waits at most 1 s."""
        self._ending = True
        if self._thread.ident is not None:
            self._inbox.put(None)
            self._thread.join(1.0)

    # --- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self.stats.scheduler = realtime.ask(realtime.GATE)
        self._awake_ns = now_ns = self._clock.now_ns()
        self._plan.purge(now_ns)
        self._next_beat_ns = now_ns
        try:
            while not self._ending:
                self._turn()
                self._sleep()
        finally:
            self._rest()

    def _now(self) -> int:
        """The time, and whether this thread was kept from running: since it last looked, or since it had to wake."""
        now_ns = self._clock.now_ns()
        since_ns, self._awake_ns = self._awake_ns, now_ns
        if now_ns - since_ns > self._settings.time_gap_ns:
            self._gap(since_ns, now_ns, "time_gap")
        return now_ns

    def _turn(self) -> None:
        """One look at everything."""
        self._watch_the_chain(self._now())
        self._take_inbox()
        now_ns = self._now()
        if self._withheld:
            self._plan.purge(now_ns)
        level = self._plan.turn(now_ns)
        self._drive(Output.GATE, self._plan.rejecting if self._withheld else level)
        self._drive_rest(now_ns)
        self._hand_over(self._plan.reports())

    def _sleep(self) -> None:
        """Wait for the next due time or a message; measure how late that was."""
        now_ns = self._now()
        plan_ns = self._plan.next_due(now_ns)
        due_ns = self._next_beat_ns if plan_ns is None else min(plan_ns, self._next_beat_ns)
        if due_ns <= now_ns:
            return
        message: Told | None = None
        with contextlib.suppress(queue.Empty):
            message = self._inbox.get(timeout=(due_ns - now_ns) / SECOND)
        woke_ns = self._clock.now_ns()
        if woke_ns >= due_ns:
            self.stats.jitter.add(woke_ns - due_ns)
        self._awake_ns = min(due_ns, woke_ns)
        self._handle(message, self._now())

    def _take_inbox(self) -> None:
        if self._overflowed:
            self._overflowed = False
            now_ns = self._now()
            self._gap(now_ns, now_ns, "gate_queue_full")
        for _ in range(_AT_ONCE):
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                return
            self._handle(message, self._now())

    def _handle(self, message: Told | None, now_ns: int) -> None:
        if isinstance(message, Add):
            self._plan.add(message.part, message.window, now_ns, denied=message.denied)
        elif isinstance(message, Allow):
            acted = self._plan.allow(message.part, now_ns)
            self._hand_over([Answer(part=message.part, acted=acted)])
        elif isinstance(message, Inputs):
            self._input(message.event, now_ns)
        elif isinstance(message, SetOutput):
            self._wanted[message.output] = message.level
        elif isinstance(message, Purge):
            self._purge(message, now_ns)

    def _input(self, event: InputEvent, now_ns: int) -> None:
        if event.input is Input.CONFIRM:
            if event.edge and event.value:
                self._plan.confirm(event.at_ns, now_ns)
            return
        self._plan.take(event, now_ns)

    def _purge(self, message: Purge, now_ns: int) -> None:
        if message.belt_lost:
            self._plan.lose_belt(message.at_ns or now_ns, now_ns)
        elif message.everything:
            self._plan.deny_all(now_ns)
        elif message.halt:
            self._plan.halt(now_ns)
        else:
            self._plan.purge(now_ns)

    def _watch_the_chain(self, now_ns: int) -> None:
        """A stuck main loop or commit: no heartbeat, so that the relay drops gate and permit."""
        since_ns = self._progress.stuck_since(now_ns)
        if since_ns and not self._withheld:
            self._gap(since_ns, now_ns, "chain_stuck", steered=True)
        if self._withheld and not since_ns:
            self._plan.deny_all(now_ns)  # the relay may have been dropped all the while
        self._withheld = since_ns != 0

    def _gap(self, from_ns: int, now_ns: int, why: str, *, steered: bool = False) -> None:
        self.stats.gaps += 1
        parts = self._plan.deny_all(now_ns) if steered else self._plan.gap(from_ns, now_ns)
        self._hand_over([Gap(from_ns=from_ns, to_ns=now_ns, parts=parts, why=why)])

    def _drive_rest(self, now_ns: int) -> None:
        self._drive(Output.PERMIT, self._wanted[Output.PERMIT] and not self._withheld)
        self._drive(Output.LAMP, self._wanted[Output.LAMP])
        if now_ns >= self._next_beat_ns:
            self._next_beat_ns += self._half_ns
            if self._next_beat_ns <= now_ns:
                self._next_beat_ns = now_ns + self._half_ns
            if not self._withheld:
                self._beat = not self._beat
                self.stats.beats += 1
                self._port.set(Output.HEARTBEAT, self._beat)

    def _drive(self, output: Output, level: bool) -> None:
        if self._levels.get(output) is not level:
            self._port.set(output, level)
            self._levels[output] = level

    def _rest(self) -> None:
        """However the thread ends: the gate rejects and the permit is off."""
        try:
            self._drive(Output.GATE, self._plan.rejecting)
        finally:
            self._drive(Output.PERMIT, False)
        self._plan.flush(self._clock.now_ns())
        self._hand_over(self._plan.reports())

    def _hand_over(self, reports: list[Done | Trouble] | list[Answer] | list[Gap]) -> None:
        if not reports:
            return
        for report in reports:
            if len(self._out) >= REPORTS:
                self.stats.reports_lost += 1
            else:
                self._out.append(report)
        os.eventfd_write(self._wake_fd, 1)
