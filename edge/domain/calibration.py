"""What is known about a camera's picture: its lens, its belt in millimetres, its light. A profile never changes.

Coordinates are OpenCV's: px of the whole frame, (0, 0) in the middle of the top left pixel. `straight` px are those of
the frame after the lens was undone, with the same camera matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import TypeAdapter

from edge.domain.part import check_name
from edge.domain.strict import read
from edge.errors import CalibrationError

MAX_PROFILE_BYTES = 1_000_000
GAIN_ONE = 4096
"""What a gain of 1 is in a flat field's picture (uint16)."""
_STRICT: dict[str, str] = {"extra": "forbid"}
_COEFFICIENTS = {"pinhole": 5, "wide": 8}


class LensKind(StrEnum):
    PINHOLE = "pinhole"  # k1 k2 p1 p2 k3 (Brown 1966)
    WIDE = "wide"  # the same, then k4 k5 k6 of the rational model: up to about 120 degrees


class BoardKind(StrEnum):
    CHESSBOARD = "chessboard"
    CHARUCO = "charuco"
    CIRCLES = "circles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """fx, fy, cx, cy in px. distortion: OpenCV's order, 5 numbers for pinhole, 8 for wide.

    rms_px: of all corners. heldback_rms_px: of views that were left out of the solution, in turn; NaN is not allowed.
    focal_sd_px, centre_sd_px: one standard deviation of (fx, fy) and (cx, cy). views: how many were used.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    kind: LensKind
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...]
    rms_px: float
    heldback_rms_px: float
    focal_sd_px: tuple[float, float]
    centre_sd_px: tuple[float, float]
    views: int

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.distortion, self.rms_px, self.heldback_rms_px)
        if not all(math.isfinite(value) for value in numbers) or min(self.fx, self.fy) <= 0:
            raise CalibrationError("the lens has numbers that cannot be", hint="calibrate it again")
        if len(self.distortion) != _COEFFICIENTS[self.kind.value]:
            raise CalibrationError(f"a {self.kind.value} lens has {_COEFFICIENTS[self.kind.value]} coefficients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The belt. to_mm: 3 x 3 row by row, from straight px to mm on the belt.

    px_per_mm: in the middle of the board. rms_mm, max_mm: of the board's corners, each foretold from the others.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    to_mm: tuple[float, ...]
    px_per_mm: float
    rms_mm: float
    max_mm: float

    def __post_init__(self) -> None:
        if len(self.to_mm) != 9 or not all(math.isfinite(value) for value in self.to_mm) or self.px_per_mm <= 0:
            raise CalibrationError("the belt's plane has numbers that cannot be", hint="calibrate the scale again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """Pictures beside the profile: `flat` (uint16 PNG, gain in 1 / GAIN_ONE) and `dark` (uint8 PNG, subtracted first).

    sha256 of each file, 64 hex. unevenness: darkest over brightest place of the light, before.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    flat_sha256: str
    dark_sha256: str = ""
    unevenness: float
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One version of one camera's calibration, for frames of width x height px. What is None was not calibrated.

    by, reason, made_at: who saved it, why, when (ISO 8601 with zone). parent: the version it goes on from, 0: none.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    format: int = 1
    name: str
    version: int
    width: int
    height: int
    by: str
    reason: str
    made_at: str
    parent: int = 0
    lens: Lens | None = None
    plane: Plane | None = None
    flat: Flat | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "calibration profile")
        if self.format != 1:
            raise CalibrationError(f"profile {self.name}: format {self.format}", hint="this release reads format 1")
        if self.version < 1 or not (16 <= self.width <= 16_384 and 16 <= self.height <= 16_384):
            raise CalibrationError(f"profile {self.name}@{self.version} of {self.width} x {self.height} px cannot be")

    @property
    def reference(self) -> str:
        """NAME@VERSION: what every result names."""
        return f"{self.name}@{self.version}"

    def check_frame(self, width: int, height: int) -> None:
        """CalibrationError when frames of that size are not what was calibrated."""
        if (width, height) != (self.width, self.height):
            raise CalibrationError(
                f"calibration {self.reference} is for {self.width} x {self.height} px, not {width} x {height}",
                hint="set the camera to the size that was calibrated, or calibrate again at this size",
            )


_ADAPTER = TypeAdapter(Profile)


def load_profile(data: bytes) -> Profile:
    """A profile from its JSON. CalibrationError says what is wrong and where."""
    return read(_ADAPTER, data, MAX_PROFILE_BYTES, "the profile", CalibrationError)


def dump_profile(profile: Profile) -> bytes:
    return _ADAPTER.dump_json(profile, indent=1)
