"""`edge run`: every service of a station on one machine, started again when it dies or stops answering.

In production systemd does this (deploy/); here the same contract is kept: READY, WATCHDOG and STATUS by
sd_notify, SIGKILL for a service whose loop stands still, back-off for one that keeps failing. Line is started
first and killed last, so that the gate always has its master or none.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge import log
from edge.bus import topics, wire
from edge.bus.sockets import Bus
from edge.clock import SECOND, Clock
from edge.errors import EXIT_USAGE
from edge.service import Stop, private_directory
from edge.settings.station import Station

_log = log.get(__name__)

_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 3.0
_STEADY_AFTER_S = 10.0  # a service that lived this long starts its back-off anew
_BACKOFF_S = (0.0, 0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_MAX_DATAGRAM = 4096
SUPERVISED = "EDGE_SUPERVISED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One service: its name, its module and arguments (python -m), and how long its loop may stand still."""

    name: str
    arguments: tuple[str, ...]
    module: str = "edge.cli"
    watchdog_s: float = 2.0


@dataclass(slots=True, kw_only=True)
class Child:
    """A unit's process as it is now."""

    unit: Unit
    socket: socket.socket
    process: subprocess.Popen[bytes] | None = None
    started_ns: int = 0
    heard_ns: int = 0
    ready: bool = False
    restarts: int = 0
    failures: int = 0
    start_at_ns: int = 0
    words: str = field(default="")


def units_of(station: Station, station_file: Path) -> tuple[Unit, ...]:
    """The services of a station, in starting order."""
    tail = ("--station", str(station_file))
    captures = (Unit(name=f"capture-{c.name}", arguments=("capture", c.name, *tail)) for c in station.camera)
    return (
        Unit(name="line", arguments=("line", *tail), watchdog_s=1.0),
        *captures,
        Unit(name="inference", arguments=("inference", *tail)),
        # These two work when the others leave time, and may wait long for it on a busy machine.
        Unit(name="recorder", arguments=("recorder", *tail), watchdog_s=10.0),
        Unit(name="panel", arguments=("panel", *tail), watchdog_s=10.0),
    )


class Supervisor:
    """Starts units and keeps them running. `turn` does one round; `close` ends all and waits (3 s, then SIGKILL)."""

    def __init__(self, run_dir: Path, units: Sequence[Unit], clock: Clock) -> None:
        self._dir = private_directory(run_dir)
        self._clock = clock
        self.children = {unit.name: Child(unit=unit, socket=self._listen(unit.name)) for unit in units}
        self._bus = Bus(run_dir)
        self._status = self._bus.publisher(topics.STATUS, "run")
        self._status_at_ns = 0
        self._started_ns = clock.now_ns()

    @property
    def restarts(self) -> int:
        return sum(child.restarts for child in self.children.values())

    @property
    def all_ready(self) -> bool:
        return all(child.ready for child in self.children.values())

    def pid(self, name: str) -> int | None:
        """The running process of a unit, None while it is down."""
        process = self.children[name].process
        return process.pid if process is not None and process.poll() is None else None

    def turn(self, timeout_s: float = 0.05) -> None:
        """Read notifications for up to `timeout_s`, then start, kill or start again as needed."""
        sockets = [child.socket for child in self.children.values()]
        readable, _, _ = select.select(sockets, [], [], timeout_s)
        now_ns = self._clock.now_ns()
        for child in self.children.values():
            if child.socket in readable:
                self._hear(child, now_ns)
            self._mind(child, now_ns)
        if now_ns - self._status_at_ns > SECOND // 2:
            self._status_at_ns = now_ns
            self._status.send(self._report(now_ns))

    def close(self) -> None:
        running = [child for child in self.children.values() if child.process is not None]
        for child in reversed(running):
            _signal(child, signal.SIGTERM)
            _signal(child, signal.SIGCONT)  # a frozen one must wake to end
        deadline_ns = self._clock.now_ns() + int(_STOP_WITHIN_S * SECOND)
        for child in running:
            left_s = max(0.05, (deadline_ns - self._clock.now_ns()) / SECOND)
            _end(child, left_s)
        for child in self.children.values():
            child.socket.close()
            self._socket_path(child.unit.name).unlink(missing_ok=True)
        self._bus.close()

    def _socket_path(self, name: str) -> Path:
        return self._dir / f"notify-{name}.sock"

    def _listen(self, name: str) -> socket.socket:
        path = self._socket_path(name)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        listener.bind(str(path))
        listener.setblocking(False)
        return listener

    def _hear(self, child: Child, now_ns: int) -> None:
        for _ in range(100):
            try:
                data = child.socket.recv(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            child.heard_ns = now_ns
            for line in data.decode(errors="replace").splitlines():
                if line == "READY=1" and not child.ready:
                    child.ready = True
                    _log.info("%s is ready after %.2f s", child.unit.name, (now_ns - child.started_ns) / SECOND)
                elif line.startswith("STATUS="):
                    child.words = line[7:]

    def _mind(self, child: Child, now_ns: int) -> None:
        if child.process is None:
            if now_ns >= child.start_at_ns:
                self._start(child, now_ns)
            return
        code = child.process.poll()
        if code is not None:
            self._died(child, code, now_ns)
        elif self._stands_still(child, now_ns):
            _log.error("%s does not answer its watchdog; killed", child.unit.name)
            _signal(child, signal.SIGKILL)
            self._died(child, child.process.wait(), now_ns)

    def _stands_still(self, child: Child, now_ns: int) -> bool:
        limit_s = child.unit.watchdog_s if child.ready else _READY_WITHIN_S
        return now_ns - child.heard_ns > int(limit_s * SECOND)

    def _start(self, child: Child, now_ns: int) -> None:
        environment = os.environ | {"NOTIFY_SOCKET": str(self._socket_path(child.unit.name)), SUPERVISED: "1"}
        child.process = subprocess.Popen(
            [sys.executable, "-m", child.unit.module, *child.unit.arguments], env=environment, stdin=subprocess.DEVNULL
        )
        child.started_ns = child.heard_ns = now_ns
        child.ready = False

    def _died(self, child: Child, code: int, now_ns: int) -> None:
        lived_s = (now_ns - child.started_ns) / SECOND
        child.failures = 0 if lived_s > _STEADY_AFTER_S else child.failures + 1
        wait_s = _BACKOFF_S[min(child.failures, len(_BACKOFF_S) - 1)]
        if code == EXIT_USAGE:  # it will say the same again: a person must act
            wait_s = _BACKOFF_S[-1]
        _log.warning("%s ended (code %s) after %.1f s; started again in %.1f s", child.unit.name, code, lived_s, wait_s)
        child.process, child.ready = None, False
        child.restarts += 1
        child.start_at_ns = now_ns + int(wait_s * SECOND)
        if wait_s == 0:
            self._start(child, now_ns)

    def _report(self, now_ns: int) -> wire.Status:
        alarms = tuple(
            wire.Alarm(code="service_down", since_ns=child.started_ns, detail=f"{name}: {child.words}")
            for name, child in self.children.items()
            if not child.ready
        )
        return wire.Status(
            service="run",
            pid=os.getpid(),
            started_ns=self._started_ns,
            at_ns=now_ns,
            state="degraded" if alarms else "ready",
            queues=(),
            counters={f"restarts_{name}": float(child.restarts) for name, child in self.children.items()},
            alarms=alarms,
        )


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.poll() is None:
        child.process.send_signal(number)


def _end(child: Child, within_s: float) -> None:
    assert child.process is not None
    try:
        child.process.wait(within_s)
    except subprocess.TimeoutExpired:
        _log.warning("%s did not end in time; killed", child.unit.name)
        child.process.kill()
        child.process.wait()


def run(station: Station, station_file: Path, stop: Stop, clock: Clock) -> None:
    """`edge run` until a signal comes."""
    supervisor = Supervisor(station.run_dir, units_of(station, station_file), clock)
    try:
        while not stop.requested:
            supervisor.turn()
    finally:
        supervisor.close()
