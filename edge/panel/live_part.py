"""A part as the live page shows it, from the bus or from the ledger, with the pictures that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from edge.bus import wire
from edge.clock import MS
from edge.domain.frame import FrameRef
from edge.domain.ledger import StoredPart
from edge.domain.part import PartId, Purpose
from edge.domain.result import Result
from edge.domain.verdict import GateOutcome, Reason, Verdict
from edge.panel.shapes_live import LivePart, LivePicture, LiveView
from edge.store.evidence import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """trigger_ns: None when it is of another boot or nobody knows. pictures: by view."""

    row: int
    part: PartId
    verdict: Verdict
    reasons: tuple[Reason, ...]
    purpose: Purpose
    lot: str
    acted: bool
    trigger_ns: int | None
    results: tuple[Result, ...]
    pictures: Mapping[str, LivePicture] = field(default_factory=dict)

    @property
    def frames(self) -> dict[str, FrameRef]:
        return {result.view: result.frame for result in self.results if result.frame is not None}

    @property
    def complete(self) -> bool:
        return all(view in self.pictures for view in self.frames)

    def with_small(self, view: str, width: int, height: int, frame_width: int, frame_height: int) -> Kept:
        url = f"/api/v1/live/picture/{self.part.epoch}/{self.part.n}/{quote(view, safe='')}"
        picture = LivePicture(
            url=url, width=width, height=height, frame_width=frame_width, frame_height=frame_height
        )  # fmt: skip
        return replace(self, pictures={**self.pictures, view: picture})

    def with_images(self, images: Sequence[Image]) -> Kept:
        """What the recorder kept, for views of which there is no picture yet."""
        found = {image.view: _stored(image) for image in images if image.part == self.part}
        return replace(self, pictures={**found, **self.pictures})

    def at(self, now_ns: int) -> LivePart:
        return LivePart(
            row=self.row,
            part=self.part,
            verdict=self.verdict,
            reasons=self.reasons,
            purpose=self.purpose,
            lot=self.lot,
            acted=self.acted,
            age_ms=None if self.trigger_ns is None else max(0, now_ns - self.trigger_ns) // MS,
            views=tuple(_view(result, self.pictures.get(result.view)) for result in self.results),
        )


def from_recorded(message: wire.Recorded) -> Kept:
    return Kept(
        row=message.row,
        part=message.part,
        verdict=message.verdict,
        reasons=message.reasons,
        purpose=message.purpose,
        lot=message.lot,
        acted=message.acted,
        trigger_ns=message.trigger_ns,
        results=message.results,
    )


def from_stored(stored: StoredPart) -> Kept:
    outcome = None if stored.gate is None else stored.gate.outcome
    return Kept(
        row=stored.row,
        part=stored.record.part,
        verdict=stored.record.verdict,
        reasons=stored.record.reasons,
        purpose=stored.trigger.purpose,
        lot=stored.trigger.lot,
        acted=outcome in (GateOutcome.PASSED, GateOutcome.COLLATERAL),
        trigger_ns=None,
        results=stored.record.results,
    )


def image_url(part: PartId, view: str, kind: str) -> str:
    return f"/api/v1/parts/{part.epoch}/{part.n}/image/{quote(view, safe='')}/{quote(kind, safe='')}"


def _stored(image: Image) -> LivePicture:
    return LivePicture(
        url=image_url(image.part, image.view, image.kind),
        width=image.width,
        height=image.height,
        frame_width=image.width,
        frame_height=image.height,
    )


def _view(result: Result, picture: LivePicture | None) -> LiveView:
    return LiveView(
        view=result.view,
        verdict=result.verdict,
        reasons=result.reasons,
        scores=result.scores,
        boxes=result.boxes,
        placement=result.placement,
        total_ms=None if result.timings is None else result.timings.total_us / 1000,
        picture=picture,
    )
