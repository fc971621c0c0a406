"""Messages on the bus and their bytes.

A message is a 13-byte head (version, writer instance, count) and a msgpack body: a tagged array whose tag is
the message's name. Bodies are decoded against the exact set of types its channel allows; anything else
raises WireError, which receivers count and drop.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from edge.domain.frame import FrameRef
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.recipe import GateTiming, NgRule
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import GateOutcome, Reason, Verdict
from edge.errors import WireError

VERSION = 1
MAX_MESSAGE_BYTES = 65_536
_HEAD = struct.Struct("<BIQ")


class Message(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True, tag=True):
    """Base of all messages."""


# --- capture ---------------------------------------------------------------------------------------------


class FrameReady(Message, frozen=True):
    """A frame lies in the ring. height, width, channels as promised by the station file."""

    frame: FrameRef
    height: int
    width: int
    channels: int


class Seen(Message, frozen=True):
    """The light barrier saw a part cross at `crossed_at_ns`; `frame` is the one in which it is centred.

    Repeated until acknowledged; idempotent by (camera, epoch, n).
    """

    camera: str
    epoch: int
    n: int
    crossed_at_ns: int
    error_ns: int
    frame: FrameRef


class Lease(Message, frozen=True):
    """To capture: what a slot is still needed for. state: matched, judged (evidence wanted) or done."""

    epoch: int
    slot: int
    generation: int
    seq: int
    state: str


# --- inference -------------------------------------------------------------------------------------------


class Judged(Message, frozen=True):
    """One view's result. Repeated until `line` acknowledges it with Recorded or Refusal."""

    result: Result


class RecipeReady(Message, frozen=True):
    """Inference has loaded this recipe and can judge with it. cameras: the views a part then requires.

    windows_ms: (not_before, not_after) for each camera.
    """

    recipe: RecipeRef
    product: str
    cameras: tuple[str, ...]
    windows_ms: tuple[tuple[float, float], ...]
    models: tuple[str, ...]
    gate: GateTiming
    rules: tuple[NgRule, ...]


class RecipeFailed(Message, frozen=True):
    """Inference cannot load this recipe; `message` and `hint` are for the person who asked."""

    name: str
    version: int
    message: str
    hint: str


# --- line ------------------------------------------------------------------------------------------------


class Expect(Message, frozen=True):
    """A part's view must come from a frame exposed in [not_before_ns, not_after_ns]. cutoff_ns is a forecast."""

    part: PartId
    view: str
    recipe: RecipeRef
    not_before_ns: int
    not_after_ns: int
    cutoff_ns: int


class SeenAck(Message, frozen=True):
    camera: str
    epoch: int
    n: int


class Recorded(Message, frozen=True):
    """A part's record is durable. row: its id in the ledger. acted: the OK came before the cut-off."""

    row: int
    part: PartId
    verdict: Verdict
    reasons: tuple[Reason, ...]
    results: tuple[Result, ...]
    trigger_ns: int
    purpose: Purpose
    lot: str
    acted: bool


class GateDone(Message, frozen=True):
    """The gate is past a part."""

    part: PartId
    outcome: GateOutcome
    at_ns: int


class LineState(Message, frozen=True):
    """What `line` is doing: on every change and once a second. `preparing`: the recipe inference shall load next.

    trial: the active recipe is being challenged; nothing passes until that is over. coming_lot: begins when
    `preparing` is loaded, "" for none.
    """

    epoch: int
    mode: Mode
    permit: bool
    permit_reasons: tuple[str, ...]
    active: RecipeRef | None
    preparing: tuple[str, int] | None
    lot: str
    purpose: Purpose
    latched: bool
    bypass_until_ns: int
    in_flight: int
    counts: dict[str, int]
    trial: bool = False
    coming_lot: str = ""


# --- commands to line, and the reply ------------------------------------------------------------------------


class SetMode(Message, frozen=True):
    mode: Mode
    by: str
    reason: str = ""
    minutes: float = 0.0


class ActivateRecipe(Message, frozen=True):
    """trial: to be challenged: only in SETUP, and the line then judges but lets nothing pass. The same recipe without
    it ends the trial."""

    name: str
    version: int
    by: str
    trial: bool = False


class SetLot(Message, frozen=True):
    """recipe: (name, version) that becomes active with the lot, at one moment: the lot begins when it is loaded, or
    cannot be."""

    lot: str
    by: str
    recipe: tuple[str, int] | None = None


class SetPurpose(Message, frozen=True):
    purpose: Purpose
    by: str


class SoftTrigger(Message, frozen=True):
    by: str


class ResetLatch(Message, frozen=True):
    by: str
    reason: str


class AskState(Message, frozen=True):
    pass


class Reply(Message, frozen=True):
    ok: bool
    message: str = ""
    hint: str = ""


# --- health ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """One queue: `size` it may reach, `depth` now, `dropped` by its writer, `lost` before its reader, `malformed`."""

    name: str
    size: int
    depth: int = 0
    dropped: int = 0
    lost: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know. code: a key of the panel's catalogue; detail: names and numbers for it."""

    code: str
    since_ns: int
    detail: str = ""


class Status(Message, frozen=True):
    """A service's own report, about once a second. state: starting, ready, degraded, failed, stopping."""

    service: str
    pid: int
    started_ns: int
    at_ns: int
    state: str
    queues: tuple[QueueState, ...]
    counters: dict[str, float]
    alarms: tuple[Alarm, ...]


# --- the virtual line's wires ---------------------------------------------------------------------------------


class InputEdge(Message, frozen=True):
    """A simulated input changed, stamped where it happened, as gpiod would. input: sensor, belt, confirm, bin_full."""

    input: str
    value: bool
    at_ns: int


class InputLevels(Message, frozen=True):
    """All simulated input levels, ten times a second, and the encoder's count."""

    belt: bool
    bin_full: bool
    sensor: bool
    ticks: int
    at_ns: int


class SimFrame(Message, frozen=True):
    """The virtual camera exposed: the frame lies in the virtual line's own ring, as in a driver's buffer."""

    frame: FrameRef
    height: int
    width: int
    channels: int


class SimCommand(Message, frozen=True):
    """To the virtual line: action (run, stop, fault, clear, finish), with an argument and a number."""

    action: str
    argument: str = ""
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded message with its writer's instance and count."""

    message: Any
    writer: int
    count: int


def encode(message: Message, *, writer: int, count: int) -> bytes:
    """The message's bytes. WireError when it is over 64 KiB."""
    body = _ENCODER.encode(message)
    if len(body) + _HEAD.size > MAX_MESSAGE_BYTES:
        raise WireError(f"a {type(message).__name__} of {len(body)} bytes is over {MAX_MESSAGE_BYTES}")
    return _HEAD.pack(VERSION, writer, count) + body


class Codec:
    """Decodes exactly the message types that one channel carries."""

    def __init__(self, types: tuple[type[Message], ...]) -> None:
        union: Any = types[0]
        for kind in types[1:]:
            union = union | kind
        self._types = types
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union, strict=True)

    def allows(self, message: Message) -> bool:
        return isinstance(message, self._types)

    def decode(self, data: bytes) -> Received:
        """WireError on a wrong version, a wrong type, or bytes that are not such a message."""
        if not _HEAD.size < len(data) <= MAX_MESSAGE_BYTES:
            raise WireError(f"a message of {len(data)} bytes")
        version, writer, count = _HEAD.unpack_from(data)
        if version != VERSION:
            raise WireError(f"message version {version}, this release speaks {VERSION}")
        try:
            message = self._decoder.decode(memoryview(data)[_HEAD.size :])
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            raise WireError(f"malformed message: {error}") from error
        return Received(message, writer, count)


_ENCODER = msgspec.msgpack.Encoder()
