"""The virtual line's own account: one JSON line per event, appended and flushed, by its own process.

Nothing of it comes from the services: it is what the conveyor did. `edge.apps.demo.oracle` compares it with
the ledger. Times are CLOCK_MONOTONIC ns.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import StoreError, UsageError

_MAX_BYTES = 2 << 30


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="event"):
    """Base of all lines."""

    at_ns: int


class Started(Event, frozen=True, tag="start"):
    """A run begins; what follows up to the next `start` belongs to it. Times compare within `boot_id` only."""

    boot_id: str
    station: str
    seed: int
    product: str
    rate_per_min: float
    travel_ms: float
    gate: str
    safe_ms: float
    defect_rate: float


class Part(Event, frozen=True, tag="part"):
    """A part's centre passed the sensor. announced: the sensor said so. kind and severity are "" when it is good."""

    n: int
    product: str
    kind: str
    severity: str
    announced: bool


class Edge(Event, frozen=True, tag="edge"):
    """The sensor's output rose. ghost: a bounce, no part of its own."""

    n: int
    ghost: bool


class Exposure(Event, frozen=True, tag="exposure"):
    """The camera's mid-exposure, with part n in the middle. shows: the number in the pixels that were given out.

    fault: "" or what was done to the frame; missing: none was given out (shows is 0).
    """

    n: int
    shows: int
    fault: str


class Gate(Event, frozen=True, tag="gate"):
    """A part's middle was past the gate. outcome: passed, rejected, or torn (the gate moved while it was under it)."""

    n: int
    outcome: str
    level: bool
    relay: bool


class Bin(Event, frozen=True, tag="bin"):
    """A rejected part fell into the bin. seen: the confirmation input said so."""

    n: int
    seen: bool


class Relay(Event, frozen=True, tag="relay"):
    on: bool


class Permit(Event, frozen=True, tag="permit"):
    """The permit behind the relay."""

    on: bool


class BeltMoves(Event, frozen=True, tag="belt"):
    running: bool


class Fault(Event, frozen=True, tag="fault"):
    kind: str
    value: float
    begins: bool


class Ended(Event, frozen=True, tag="end"):
    """A clean end. fed: parts laid on the belt. late_frames: pictures that were not drawn in time."""

    fed: int
    late_frames: int


AnyEvent = Started | Part | Edge | Exposure | Gate | Bin | Relay | Permit | BeltMoves | Fault | Ended


class TruthWriter:
    """Appends; each line is handed to the kernel in one write, so a killed process leaves whole lines."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._encoder = msgspec.json.Encoder()

    def write(self, events: list[Event]) -> None:
        if events:
            os.write(self._fd, b"".join(self._encoder.encode(event) + b"\n" for event in events))

    def close(self) -> None:
        os.close(self._fd)


class TruthReader:
    """Reads on from where it stopped; a last line that is not whole yet waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._line = 0
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyEvent)

    def read(self) -> list[AnyEvent]:
        """Events since the last call. StoreError when the file is not there or a line is not an event."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_MAX_BYTES)
        except OSError as error:
            raise StoreError(
                f"the truth {self._path} cannot be read: {error}", hint="start the virtual line"
            ) from error
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [self._event(line) for line in whole.splitlines()]

    def _event(self, line: bytes) -> AnyEvent:
        self._line += 1
        try:
            event: AnyEvent = self._decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise StoreError(f"{self._path}, line {self._line}: {error}", hint="the file was changed") from error
        return event


def read_last_run(path: Path) -> list[AnyEvent]:
    """The events of the last run in the file, its `start` first. UsageError when there is none."""
    events = TruthReader(path).read()
    starts = [index for index, event in enumerate(events) if isinstance(event, Started)]
    if not starts:
        raise UsageError(f"{path} holds no run", hint="run edge demo first")
    return events[starts[-1] :]
