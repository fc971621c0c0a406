"""What every camera is to capture: real, simulated or recorded. One contract test that all of them pass.

A camera is driven from one thread: `open`, `read` again and again, `close`; `open` again after `close` begins anew.
It keeps no thread of its own that outlives `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.bus.ring import Pixels

Into = Callable[[], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a camera promises. Frames are uint8, (height, width, channels), BGR or grey.

    proves_freshness: the stamp comes from the exposure itself, so a frame that waited in some buffer shows its
    age. (A network stream only says when it arrived.) For recorded media the showing is the exposure.
    on_demand: the camera shows its next frame whenever it is asked, so the asker must keep from overrunning others.
    """

    width: int
    height: int
    channels: int
    proves_freshness: bool
    on_demand: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame that `read` put in place.

    exposed_at_ns: mid-exposure, CLOCK_MONOTONIC, growing from shot to shot. error_ns: how far the truth may be from
    it, either way. driver_seq: the driver's own count, which shows what it dropped; None when it has none.
    media_ns: place in a recording, growing also when it begins again; what follows motion goes by it, because a
    recording that is shown faster keeps its motion. None for live cameras.
    """

    exposed_at_ns: int
    error_ns: int
    driver_seq: int | None = None
    media_ns: int | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """What a camera refused or lost since it was made; it goes on counting through `close` and `open`.

    wrong_size: frames of another size than promised. unreadable: files or frames that could not be decoded.
    overrun: overwritten in the driver's buffer before they could be copied. slipped: how often a recording had to be
    held back because nobody came for its frames. refusal: the last of these in words.
    """

    wrong_size: int = 0
    unreadable: int = 0
    overrun: int = 0
    slipped: int = 0
    refusal: str = ""

    @property
    def refused(self) -> int:
        return self.wrong_size + self.unreadable + self.overrun


class Camera(Protocol):
    @property
    def facts(self) -> Facts: ...

    @property
    def counts(self) -> Counts: ...

    def open(self) -> None:
        """Begin to give frames. SourceError, and nothing is held, when it cannot, or when what it would give
        is not what was promised."""

    def read(self, into: Into, timeout_s: float) -> Shot | None:
        """The next frame, or None when there is none within about `timeout_s`, or one came and was refused (counted).

        When there is a frame, `into()` is asked once for the place it goes to (uint8, the promised shape, C order),
        and is filled; what happens in it when no shot comes back is of no account. At most one copy.
        SourceLost when the source gave frames and gives no more; then only `close` and `open` help.
        """

    def close(self) -> None:
        """Let go of everything and wait for it. Fine to call twice, or without `open`."""
