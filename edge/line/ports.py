"""What the line's inputs and outputs look like, whatever drives them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from edge.bus.iopage import Output
from edge.bus.sockets import Poller
from edge.bus.wire import QueueState


class Input(StrEnum):
    SENSOR = "sensor"  # a rising edge is a part
    BELT = "belt"  # high while the belt runs
    CONFIRM = "confirm"  # a rising edge is a part that fell into the bin
    BIN_FULL = "bin_full"
    ENCODER = "encoder"  # a running count of ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEvent:
    """An input changed, or reports its level. value: 0 or 1, or the encoder's count.

    at_ns: when it happened, CLOCK_MONOTONIC, within `error_ns` either way. edge: False for a mere report of the level.
    """

    input: Input
    value: int
    at_ns: int
    error_ns: int = 0
    edge: bool = True


class Port(Protocol):
    """All but `set` belong to the main thread."""

    def register(self, poller: Poller) -> None:
        """Let the main loop wake when an input changes."""

    def read(self) -> list[InputEvent]:
        """What happened since the last call, oldest first. Never blocks."""

    def set(self, output: Output, level: bool) -> None:
        """Drive an output. Gate thread only; returns in microseconds and never blocks."""

    def alive(self, now_ns: int) -> bool:
        """Whether inputs are heard and outputs reach what they drive."""

    def seen_until_ns(self) -> int:
        """All that happened up to here has been returned by `read`; 0: nothing was heard yet."""

    def lost(self) -> int:
        """How many input changes are known to be lost since the start."""

    def queues(self) -> tuple[QueueState, ...]: ...

    def close(self) -> None: ...
