"""What goes over the live WebSocket: strict and bounded as in `shapes`."""

from __future__ import annotations

from edge.domain.part import PartId, Purpose
from edge.domain.prediction import Box
from edge.domain.result import Placement, Score
from edge.domain.verdict import Reason, Verdict
from edge.panel.shapes import Alarm, Counts, LineNow, Number, Shape


class LivePicture(Shape):
    """A small JPEG at `url`, for about a minute. width, height: its own px. Boxes are in frame px: scale them."""

    url: str
    width: int
    height: int
    frame_width: int
    frame_height: int


class LiveView(Shape):
    """One camera's look. `picture`: null when its frame was already reused."""

    view: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    scores: tuple[Score, ...]
    boxes: tuple[Box, ...]
    placement: Placement | None
    total_ms: float | None
    picture: LivePicture | None


class LivePart(Shape):
    """A part whose record is durable. `acted`: its OK came before the cut-off. `age_ms`: since its trigger."""

    row: int
    part: PartId
    verdict: Verdict
    reasons: tuple[Reason, ...]
    purpose: Purpose
    lot: str
    acted: bool
    age_ms: int | None
    views: tuple[LiveView, ...]


class LiveState(Shape):
    """The small state that goes with every message; fields as in `State`, services by name."""

    line: LineNow | None
    heard_ms: int | None
    alive: bool
    lot: Counts | None
    today: Counts | None
    services: dict[str, str]
    alarms: tuple[Alarm, ...]


class LiveMessage(Shape):
    """Server to browser. The next one comes only after {"ack": n}, at most 10 a second, at least one a second.

    `part`: the newest one when it is new, else null. `last_ng`: the last NG or UNSURE part, as long as one is known.
    `skipped`: judged parts that were not sent since the message before, because newer ones came.
    """

    n: int
    state: LiveState
    part: LivePart | None
    last_ng: LivePart | None
    skipped: int


class LiveAck(Shape):
    """Browser to server: the `n` of the message that is on the screen now."""

    ack: Number
