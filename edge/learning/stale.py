"""What has changed since a detector was taught: the recipe's view, the camera, its calibration, the backbone. Pure.

A model is what its pictures showed through one view. When the view is another one, the model must be taught again with
the same pictures; whether that is enough, parts must show (`edge learning reteach` tries it on the known ones).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, View
from edge.learning.teach_record import TeachChoices

NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """How parts are looked at now. frame: (width, height) px that the recipe or the camera says, None for any.

    calibration: NAME@VERSION of the camera's profile, "" for none. camera_settings: `teach_record.camera_text`, ""
    when no station says. backbone_sha256: of the installed one.
    """

    camera: str
    locate: Locate
    region: Rect | None
    patch: Rect | None
    frame: tuple[int, int] | None
    calibration: str
    camera_settings: str
    backbone: str
    backbone_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """what: as the recipe or the station file calls it. was: when it was taught."""

    what: str
    was: str
    now: str

    def words(self) -> str:
        return f"{self.what}: {self.was} -> {self.now}"


def frame_of(view: View) -> tuple[int, int] | None:
    return (view.frame_width, view.frame_height) if view.frame_width and view.frame_height else None


def differences(taught: TeachChoices, today: Today) -> tuple[Difference, ...]:
    """Empty when the model may stay as it is. What nobody recorded, or nobody says today, is not compared."""
    return tuple(_differences(taught, today))


def _differences(taught: TeachChoices, today: Today) -> Iterator[Difference]:
    for field in fields(Locate):
        was, now = getattr(taught.locate, field.name), getattr(today.locate, field.name)
        if was != now:
            yield Difference(what=f"locate.{field.name}", was=_words(was), now=_words(now))
    pairs: dict[str, tuple[object, object]] = {
        "region": (taught.region, today.region),
        "picture.patch": (taught.patch, today.patch),
        "camera": (taught.camera, today.camera),
        "calibration": (taught.calibration, today.calibration),
        "backbone": (_backbone(taught), _backbone(today)),
    }
    if taught.frame_width and taught.frame_height and today.frame:
        pairs["frame"] = ((taught.frame_width, taught.frame_height), today.frame)
    if taught.camera_settings and today.camera_settings:
        pairs["camera settings"] = (taught.camera_settings, today.camera_settings)
    for what, (before, after) in pairs.items():
        if before != after:
            yield Difference(what=what, was=_words(before), now=_words(after))


def _backbone(of: TeachChoices | Today) -> str:
    return f"{of.backbone} {of.backbone_sha256[:8]}"


def _words(value: object) -> str:
    """As a person would write it into a recipe."""
    if isinstance(value, Rect):
        return f"{value.x},{value.y},{value.width},{value.height}"
    if isinstance(value, tuple):
        return " x ".join(str(side) for side in value)
    if isinstance(value, bytes):
        return f"picture {hashlib.sha256(value).hexdigest()[:8]}" if value else NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return NONE if value is None or value == "" else str(value)
