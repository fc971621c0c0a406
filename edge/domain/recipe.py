"""How one product is inspected. Immutable; a change is a new version.

`load` is the only way in from outside: strict, bounded, unknown fields refused. `dump` is canonical, so that
the digest of a recipe is the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import TypeAdapter

from edge.domain.geometry import Polygon, Rect
from edge.domain.part import check_name
from edge.domain.result import RecipeRef
from edge.domain.strict import read
from edge.errors import RecipeError, UsageError

MAX_RECIPE_BYTES = 2_000_000
_STRICT: dict[str, str] = {"extra": "forbid", "ser_json_bytes": "base64", "val_json_bytes": "base64"}


class CheckKind(StrEnum):
    ANOMALY = "anomaly"
    CLASSIFICATION = "classification"


class LocateKind(StrEnum):
    WHOLE = "whole"  # the whole frame (or the search rectangle) is the part
    BLOB = "blob"  # one part on a plain background, found by its outline
    TEMPLATE = "template"  # found by matching the picture of a good part


class Polarity(StrEnum):
    """How the part stands out from the background."""

    BRIGHT = "bright"
    DARK = "dark"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """How the part is found in the frame and cut out upright.

    search: where to look, frame px (None: everywhere). width_px, height_px: size of the aligned part picture, at
    the frame's own scale. rotate: turn the part upright by the found angle. min/max_area_px: accepted blob area.
    max_angle_deg, max_shift_px (from the middle of the search rectangle): beyond, the part is BADLY_PLACED.
    min_match: lowest accepted template correlation (0 to 1). template: PNG bytes of the good part (TEMPLATE, or
    BLOB to settle the angle).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    kind: LocateKind = LocateKind.WHOLE
    search: Rect | None = None
    width_px: int = 256
    height_px: int = 256
    rotate: bool = False
    polarity: Polarity = Polarity.ANY
    min_area_px: int = 100
    max_area_px: int = 100_000_000
    max_angle_deg: float = 180.0
    max_shift_px: float = 65_535.0
    min_match: float = 0.5
    template: bytes = b""

    def __post_init__(self) -> None:
        if not (16 <= self.width_px <= 8192 and 16 <= self.height_px <= 8192):
            raise RecipeError(f"the part picture is {self.width_px} x {self.height_px} px", hint="use 16 to 8192")
        if not 0 < self.min_area_px <= self.max_area_px:
            raise RecipeError("the smallest blob area must be positive and not above the largest")
        _in_range("max_angle_deg", self.max_angle_deg, 0, 180)
        _in_range("max_shift_px", self.max_shift_px, 0, 65_535)
        _in_range("min_match", self.min_match, 0, 1)
        if self.kind is LocateKind.TEMPLATE and not self.template:
            raise RecipeError("a template locator needs its template", hint="teach the recipe again")
        if len(self.template) > 1_000_000:
            raise RecipeError("the template picture is over 1 MB", hint="use a smaller or greyscale picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test: a model on a region, and the limits its score is held against.

    region: px of the aligned part picture (None: all of it). ignore: areas of the region's picture left out.
    score < unsure_from is OK, from ng_from on NG, UNSURE between. For a classification the score is the
    probability of the likeliest class outside `ok_labels`.
    model: name@version of the package; model_digest: SHA-256 of its model.onnx, 64 hex digits.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    name: str
    kind: CheckKind
    model: str
    model_digest: str
    unsure_from: float
    ng_from: float
    region: Rect | None = None
    ignore: tuple[Polygon, ...] = ()
    ok_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "check")
        split_reference(self.model)
        if len(self.model_digest) != 64 or not set(self.model_digest) <= set("0123456789abcdef"):
            raise RecipeError(f"check {self.name}: the model's digest must be 64 hex digits")
        if not (math.isfinite(self.unsure_from) and math.isfinite(self.ng_from)):
            raise RecipeError(f"check {self.name}: the limits must be numbers")
        if self.unsure_from > self.ng_from:
            raise RecipeError(
                f"check {self.name}: UNSURE begins at {self.unsure_from}, above NG at {self.ng_from}",
                hint="put the UNSURE limit at or below the NG limit",
            )
        if self.kind is CheckKind.CLASSIFICATION and not self.ok_labels:
            raise RecipeError(f"check {self.name}: say which classes are good (ok_labels)")
        if len(self.ignore) > 64 or len(self.ok_labels) > 256:
            raise RecipeError(f"check {self.name}: too many masks or labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What a sound picture looks like, from a fixed background patch that no part covers (teaching saw it).

    brightness: mean grey level 0 to 255. focus: variance of the Laplacian of the patch (grey levels squared).
    refuse_frozen: two frames whose patch is byte for byte the same are one frame seen twice.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    patch: Rect
    brightness_min: float
    brightness_max: float
    focus_min: float
    refuse_frozen: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.brightness_min < self.brightness_max <= 255:
            raise RecipeError("brightness limits must satisfy 0 <= min < max <= 255")
        _in_range("focus_min", self.focus_min, 0, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One camera's look at a part; its frame is exposed `not_before_ms` to `not_after_ms` after the trigger."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    camera: str
    locate: Locate
    checks: tuple[Check, ...]
    picture: PictureLimits | None = None
    frame_width: int = 0  # 0: any; otherwise frames of another size are BAD_FRAME
    frame_height: int = 0
    not_before_ms: float = -20.0
    not_after_ms: float = 60.0

    def __post_init__(self) -> None:
        check_name(self.camera, "camera")
        if not 1 <= len(self.checks) <= 16:
            raise RecipeError(f"view {self.camera}: has {len(self.checks)} checks", hint="use 1 to 16 checks")
        if len({check.name for check in self.checks}) != len(self.checks):
            raise RecipeError(f"view {self.camera}: two checks have the same name")
        if not -10_000 <= self.not_before_ms < self.not_after_ms <= 10_000:
            raise RecipeError(f"view {self.camera}: the exposure window must be ordered and within 10 s")
        if self.picture and self.frame_width and not self.picture.patch.inside(self.frame_width, self.frame_height):
            raise RecipeError(f"view {self.camera}: the picture patch lies outside the frame")


class RuleAction(StrEnum):
    WARN = "warn"  # an alarm, nothing else
    STOP = "stop"  # mode becomes STOPPED
    LATCH = "latch"  # STOPPED until an engineer or QA resets it


@dataclass(frozen=True, slots=True, kw_only=True)
class NgRule:
    """`ng` rejected-for-cause parts (NG or UNSURE) among the last `of`; ng == of is N in a row."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    ng: int
    of: int
    action: RuleAction = RuleAction.WARN

    def __post_init__(self) -> None:
        if not 1 <= self.ng <= self.of <= 1000:
            raise RecipeError(f"NG rule {self.ng} of {self.of}", hint="use 1 <= ng <= of <= 1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTiming:
    """From trigger to gate. travel: ms of belt running time, or encoder ticks when the station has an encoder.

    before_ms, after_ms: the gate holds a part's decision from travel - before to travel + after.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    travel: float
    before_ms: float = 40.0
    after_ms: float = 40.0

    def __post_init__(self) -> None:
        _in_range("travel", self.travel, 1, 10_000_000)
        _in_range("before_ms", self.before_ms, 1, 10_000)
        _in_range("after_ms", self.after_ms, 1, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """See the module. `version` counts from 1. `created_at` is ISO 8601 UTC, for people."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    name: str
    version: int
    product: str
    views: tuple[View, ...]
    gate: GateTiming
    rules: tuple[NgRule, ...] = ()
    author: str = ""
    reason: str = ""
    created_at: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "recipe")
        if not 1 <= self.version <= 1_000_000_000:
            raise RecipeError(f"recipe {self.name}: version {self.version}", hint="versions count from 1")
        if not 1 <= len(self.views) <= 16:
            raise RecipeError(f"recipe {self.name}: has {len(self.views)} views", hint="use 1 to 16 views")
        if len({view.camera for view in self.views}) != len(self.views):
            raise RecipeError(f"recipe {self.name}: two views use the same camera")
        if len(self.rules) > 16 or max(len(self.product), len(self.author), len(self.reason)) > 500:
            raise RecipeError(f"recipe {self.name}: too many rules or too long a text")

    @property
    def ref(self) -> RecipeRef:
        return RecipeRef(name=self.name, version=self.version, digest=digest(self))


_ADAPTER = TypeAdapter(Recipe)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise RecipeError(f"{name} is {value}", hint=f"use {low} to {high}")


def split_reference(text: str) -> tuple[str, int]:
    """`name@version` of a recipe or a model package. UsageError when it is not of that form."""
    name, at, version = text.partition("@")
    if not at or not version.isdecimal() or not 1 <= int(version) <= 1_000_000_000:
        raise UsageError(f"{text[:60]!r} names no version", hint="write NAME@VERSION, as in biscuit@3")
    return check_name(name, "recipe or model"), int(version)


def load(data: bytes) -> Recipe:
    """A recipe from its JSON. RecipeError says what is wrong and where."""
    return read(_ADAPTER, data, MAX_RECIPE_BYTES, "the recipe", RecipeError, hint="export it again")


def dump(recipe: Recipe) -> bytes:
    """Canonical JSON (sorted keys, no spaces): the same recipe gives the same bytes on every machine."""
    plain = json.loads(_ADAPTER.dump_json(recipe))
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(recipe: Recipe) -> str:
    """First 16 hex digits of SHA-256 over what is judged: author, reason and date do not count."""
    plain = json.loads(_ADAPTER.dump_json(recipe))
    for key in ("author", "reason", "created_at"):
        plain.pop(key)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
