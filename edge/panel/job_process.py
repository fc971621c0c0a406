"""One command as a process of its own: started with the lowest priority, read while it works, ended with its children.

What it says is bounded: one JSON object of `MAX_RESULT_BYTES` on stdout; on stderr lines of `MAX_LINE_BYTES`, of which
JSON objects {"step", "done", "of"} are progress, and the last `MAX_WORDS` of the others are kept as its words.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.panel.shapes import Problem
from edge.panel.shapes_jobs import Step

MAX_RESULT_BYTES = 1 << 20
MAX_LINE_BYTES = 4096
MAX_WORDS = 20
_CHUNK_BYTES = 65_536
_LAST_WORDS_S = 0.3  # for pipes that somebody else still holds open
_LAUNCHER = Path(__file__).with_name("job_start.py")
_OF_THE_PANEL = ("NOTIFY_SOCKET", "EDGE_SUPERVISED")  # not of its jobs


class JobProcess:
    """The thread that makes it must outlive the process: the kernel takes that thread's end for the panel's.

    heard: called with each progress line, in the thread that calls `turn` and `close`.
    """

    def __init__(self, command: Sequence[str], heard: Callable[[Step], None]) -> None:
        """OSError when no process can be started."""
        self._heard = heard
        self._out, self._line = bytearray(), bytearray()
        self._words: deque[str] = deque(maxlen=MAX_WORDS)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={name: value for name, value in os.environ.items() if name not in _OF_THE_PANEL},
        )  # fmt: skip
        self.pid = self._process.pid
        self._ended = os.pidfd_open(self.pid)  # readable when it has ended: pidfd_open(2)
        self._all = selectors.DefaultSelector()
        self._all.register(self._ended, selectors.EVENT_READ)
        for pipe, take in ((self._process.stdout, self._take_result), (self._process.stderr, self._take_words)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._all.register(pipe.fileno(), selectors.EVENT_READ, take)

    def turn(self, timeout_s: float) -> bool:
        """Read what it says, waiting for up to `timeout_s`. False once it has ended."""
        ended = False
        for key, _ in self._all.select(timeout_s):
            if key.fd == self._ended:
                ended = True
            elif piece := os.read(key.fd, _CHUNK_BYTES):
                key.data(piece)
            else:
                self._all.unregister(key.fd)
        return not ended

    def signal(self, number: signal.Signals) -> None:
        """To it and to all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def close(self) -> int:
        """Kill what is left of it, read its last words, give its exit code (negative: the signal that ended it)."""
        self.signal(signal.SIGKILL)  # it is not reaped yet: its number still means it and its children
        code = self._process.wait()
        self._all.unregister(self._ended)
        while len(self._all.get_map()) and self._all.select(_LAST_WORDS_S):
            self.turn(0)
        self._take_words(b"\n")
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        os.close(self._ended)
        self._all.close()
        return code

    def result(self) -> dict[str, Any] | None:
        """What it said on stdout; None when that is not one JSON object, or too large."""
        if len(self._out) > MAX_RESULT_BYTES:
            return None
        try:
            found = json.loads(self._out)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def words(self) -> Problem | None:
        """Why it did not do it, as `edge.cli` says it: `edge: what happened`, and beneath it the hint."""
        words = list(self._words)
        for place in reversed(range(len(words))):
            if words[place].startswith("edge: "):
                hint = words[place + 1].strip() if place + 1 < len(words) else ""
                return Problem(message=words[place].removeprefix("edge: ")[:500], hint=hint[:500])
        return None

    def last_line(self) -> str:
        """ "" when it said nothing but its progress."""
        return self._words[-1].strip() if self._words else ""

    def _take_result(self, piece: bytes) -> None:
        if len(self._out) <= MAX_RESULT_BYTES:  # what comes after is read and dropped: it must not block
            self._out += piece

    def _take_words(self, piece: bytes) -> None:
        *whole, rest = (bytes(self._line) + piece).split(b"\n")
        for line in whole:
            self._hear(line[:MAX_LINE_BYTES].decode(errors="replace").rstrip())
        self._line = bytearray(rest[:MAX_LINE_BYTES])

    def _hear(self, line: str) -> None:
        if not line:
            return
        if line.startswith("{"):
            with contextlib.suppress(ValidationError):
                self._heard(Step.model_validate_json(line))
                return
        self._words.append(line)
