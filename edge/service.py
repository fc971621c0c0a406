"""What every service process has in common: signals, one instance, sd_notify, watchdog, exit codes.

A service's `main` builds everything and then runs one straight loop; the watchdog is fed from that loop
(`Notifier.alive`), never from a timer thread, so that a stuck loop is seen. Protocol: sd_notify(3).
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from edge.errors import EXIT_ERROR, EXIT_OK, AlreadyRunning, EdgeError, ServiceError

_log = logging.getLogger(__name__)
_ALIVE_NS = 100_000_000


class Stop:
    """Set by SIGTERM or SIGINT. Loops ask `requested` and end; `wait` sleeps but wakes at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """True when a stop was requested within `seconds`."""
        return self._event.wait(seconds)

    def install(self) -> None:
        """Take SIGTERM and SIGINT of this process. Main thread only."""

        def handler(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            self.request()

        signal.signal(signal.SIGTERM, handler)
        signal.signal(signal.SIGINT, handler)


class Notifier:
    """sd_notify(3) to whoever started us (systemd or `edge run`); silent when nobody listens.

    Sends never block: a full or vanished socket loses the datagram, and the starter then acts on silence.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._alive_ns = 0
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls) -> Notifier:
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def send(self, text: str) -> None:
        if self._socket is None or self._address is None:
            return
        target = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(text.encode(), target)
        except OSError:
            return  # the starter is gone or busy: silence is its signal to act

    def ready(self, status: str = "ready") -> None:
        self.send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Call it in each turn of the loop; ten times a second one of them is sent."""
        now_ns = time.monotonic_ns()
        if now_ns - self._alive_ns >= _ALIVE_NS:
            self._alive_ns = now_ns
            self.send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self.send(f"STATUS={text}")

    def stopping(self) -> None:
        self.send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class FileLock:
    """An exclusive lock that dies with its process (flock(2)). The file itself stays: unlinking races."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, what: str) -> None:
        """Take the lock or raise AlreadyRunning that names `what` and the holder's pid when known."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise AlreadyRunning(
                f"{what} is already running (process {holder})",
                hint="stop the other one first, or give this one its own station file and folders",
            ) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def run(body: Callable[[Stop, Notifier], None]) -> int:
    """The process boundary of a service: run `body` until it returns, turn errors into exit codes."""
    stop = Stop()
    stop.install()
    notifier = Notifier.from_environment()
    try:
        body(stop, notifier)
    except EdgeError as error:
        _log.error("%s", error)
        notifier.status(error.message)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the boundary: a defect of ours is logged whole and ends this process only
        _log.exception("unexpected error; the process ends and will be started again")
        return EXIT_ERROR
    finally:
        notifier.stopping()
        notifier.close()
    return EXIT_OK


def private_directory(path: Path) -> Path:
    """Make `path` (mode 0700) or check that it is ours and closed to others. ServiceError otherwise."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        info = path.lstat()
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be made: {error.strerror}", hint="correct run_dir, free the disk, or remove what is there"
        ) from error
    if info.st_uid != os.geteuid():
        raise ServiceError(f"{path} belongs to another user", hint="remove it or choose another run_dir")
    if info.st_mode & 0o077:
        path.chmod(0o700)
    return path
