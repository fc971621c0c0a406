"""THE channel table: every queue of the house, its size, what it drops, who writes, who reads, how often.

Liveness is derived from it: a reader that hears nothing for `silent_after_ms` counts the writer as dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.bus import wire


class Pattern(StrEnum):
    PUB = "pub"  # one writer binds, many readers; a slow reader loses the newest at `queue`, and counts the gap
    PUSH = "push"  # many writers connect, one reader binds; a full queue is refused to the writer, who counts it
    REQUEST = "request"  # many askers connect, one server binds; an asker waits for its reply, with a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`rate_hz`: usual messages a second from one writer. `silent_after_ms`: 0 when silence means nothing."""

    name: str
    pattern: Pattern
    queue: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    rate_hz: float
    messages: tuple[type[wire.Message], ...]
    silent_after_ms: int = 0
    replies: tuple[type[wire.Message], ...] = ()


FRAMES = Channel(  # keyed by camera
    name="frames",
    pattern=Pattern.PUB,
    queue=64,
    writers=("capture",),
    readers=("inference", "panel"),
    rate_hz=30,
    messages=(wire.FrameReady,),
)
LEASES = Channel(  # keyed by camera
    name="leases",
    pattern=Pattern.PUSH,
    queue=256,
    writers=("inference", "recorder"),
    readers=("capture",),
    rate_hz=30,
    messages=(wire.Lease,),
)
REPORTS = Channel(
    name="reports",
    pattern=Pattern.PUSH,
    queue=1000,
    writers=("capture", "inference"),
    readers=("line",),
    rate_hz=20,
    messages=(wire.Seen, wire.Judged, wire.RecipeReady, wire.RecipeFailed),
)
LINE = Channel(
    name="line",
    pattern=Pattern.PUB,
    queue=1000,
    writers=("line",),
    readers=("capture", "inference", "recorder", "panel"),
    rate_hz=30,
    messages=(wire.Expect, wire.SeenAck, wire.Recorded, wire.GateDone, wire.LineState),
    silent_after_ms=3000,
)
COMMANDS = Channel(
    name="commands",
    pattern=Pattern.REQUEST,
    queue=64,
    writers=("panel", "cli"),
    readers=("line",),
    rate_hz=0.1,
    messages=(
        wire.SetMode,
        wire.ActivateRecipe,
        wire.SetLot,
        wire.SetPurpose,
        wire.SoftTrigger,
        wire.ResetLatch,
        wire.AskState,
    ),
    replies=(wire.Reply, wire.LineState),
)
STATUS = Channel(  # keyed by service: line, capture-NAME, inference, recorder, panel
    name="status",
    pattern=Pattern.PUB,
    queue=16,
    writers=("line", "capture", "inference", "recorder", "panel"),
    readers=("line", "panel", "run"),
    rate_hz=2,
    messages=(wire.Status,),
    silent_after_ms=2000,
)
SIM_INPUTS = Channel(
    name="sim-inputs",
    pattern=Pattern.PUB,
    queue=4000,
    writers=("virtual-line",),
    readers=("line",),
    rate_hz=40,
    messages=(wire.InputEdge, wire.InputLevels),
    silent_after_ms=500,
)
SIM_FRAMES = Channel(  # keyed by camera
    name="sim-frames",
    pattern=Pattern.PUB,
    queue=8,
    writers=("virtual-line",),
    readers=("capture",),
    rate_hz=10,
    messages=(wire.SimFrame,),
)
SIM_CONTROL = Channel(
    name="sim-control",
    pattern=Pattern.REQUEST,
    queue=16,
    writers=("demo",),
    readers=("virtual-line",),
    rate_hz=0.1,
    messages=(wire.SimCommand,),
    replies=(wire.Reply,),
)

CHANNELS = (FRAMES, LEASES, REPORTS, LINE, COMMANDS, STATUS, SIM_INPUTS, SIM_FRAMES, SIM_CONTROL)
