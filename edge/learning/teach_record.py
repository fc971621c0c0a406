"""`teach.json` of a taught package: which pictures it was taught with, and the choices that ask for teaching again.

The pictures themselves lie beside the package, byte for byte as they came, so that they can be taught with once more:

    OUT/package/teach.json        the record, a file of the package like any other
    OUT/pictures/SHA256.ENDING    each picture of the record; MODEL.pictures/ beside MODEL.zip
    OUT/recipe.json               MODEL.recipe.json beside MODEL.zip
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError

from edge.capture.folder import ENDINGS
from edge.domain.geometry import Rect
from edge.domain.part import check_name
from edge.domain.recipe import Locate
from edge.errors import EdgeError, ModelError
from edge.settings.station import Camera
from edge.store.packages import Package

RECORD = "teach.json"
PICTURES = "pictures"
MOST_PICTURES = 10_000
_MOST_BYTES = 16_000_000
_MOST_NAME, _MOST_WORDS = 255, 500
_STRICT: dict[str, str] = {"extra": "forbid", "ser_json_bytes": "base64", "val_json_bytes": "base64"}


class Origin(StrEnum):
    FILE = "file"  # of a folder
    PART = "part"  # that the line judged or collected


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachPicture:
    """name: of the file, or the part's id. sha256: of its bytes, 64 hex. ending: of the kept file, as in `.jpg`.

    part: STATION/EPOCH/N when it is one of the line's, else "". width, height: px. dropped: "" when it was taught with,
    else why a person left it out. confirmed: a person says that it is good, though it is unlike the others.
    lossy: its pixels are not quite those that the camera gave (a JPEG of the recorder).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    name: str
    sha256: str
    ending: str
    origin: Origin
    part: str = ""
    width: int
    height: int
    dropped: str = ""
    confirmed: bool = False
    lossy: bool = False

    @property
    def file(self) -> str:
        """Its name in the folder of kept pictures."""
        return self.sha256 + self.ending

    def wrong(self) -> str:
        fine = {
            "name": 1 <= len(self.name) <= _MOST_NAME,
            "sha256": _is_digest(self.sha256),
            "ending": self.ending in ENDINGS,
            "part": len(self.part) <= _MOST_NAME and bool(self.part) is (self.origin is Origin.PART),
            "size": 1 <= self.width <= 65_535 and 1 <= self.height <= 65_535,
            "dropped": len(self.dropped) <= _MOST_WORDS,
        }
        return _first_wrong(fine)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachChoices:
    """What the model depends on. When one of them changes it must be taught again.

    locate, region, patch, cut_out, int8: as in `edge.learning.teach.Plan`. side_px: that was asked for; input_width,
    input_height: of the model, which follow from it. rate: of false rejects that was asked for. camera: of the recipe's
    view. frame_width, frame_height: of the pictures, 0 when each has its own. calibration: NAME@VERSION of the camera's
    profile, "" for none. camera_settings: `camera_text` of the station's camera, "" when taught from a folder.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    locate: Locate
    region: Rect | None
    patch: Rect | None
    cut_out: bool
    side_px: int
    input_width: int
    input_height: int
    backbone: str
    backbone_sha256: str
    rate: float
    camera: str
    frame_width: int
    frame_height: int
    calibration: str = ""
    camera_settings: str = ""
    int8: bool = False

    def wrong(self) -> str:
        sizes = (self.side_px, self.input_width, self.input_height)
        fine = {
            "input": all(1 <= one <= 16_384 for one in sizes),
            "frame": all(0 <= one <= 65_535 for one in (self.frame_width, self.frame_height)),
            "backbone": 1 <= len(self.backbone) <= _MOST_NAME and _is_digest(self.backbone_sha256),
            "rate": 0 < self.rate < 1 and math.isfinite(self.rate),
            "calibration": len(self.calibration) <= _MOST_NAME,
            "camera_settings": len(self.camera_settings) <= _MOST_WORDS,
        }
        return _first_wrong(fine)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachRecord:
    """pictures: in the order in which they were shown, those left out among them. taught_at: ISO 8601, for people."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    format: int = 1
    pictures: tuple[TeachPicture, ...]
    choices: TeachChoices
    taught_at: str = ""

    @property
    def taught_with(self) -> tuple[TeachPicture, ...]:
        return tuple(one for one in self.pictures if not one.dropped)

    def wrong(self) -> str:
        """What cannot be; "" when all can."""
        fine = {
            "format": self.format == 1,
            "pictures": 1 <= len(self.pictures) <= MOST_PICTURES,
            "taught_at": len(self.taught_at) <= _MOST_NAME,
        }
        return (
            _first_wrong(fine)
            or next((f"pictures: {said}" for one in self.pictures if (said := one.wrong())), "")
            or self.choices.wrong()
        )


_ADAPTER = TypeAdapter(TeachRecord)


def dump_record(record: TeachRecord) -> bytes:
    return _ADAPTER.dump_json(record, indent=1)


def load_record(data: bytes) -> TeachRecord:
    """ModelError says what is wrong, and where."""
    try:
        if len(data) > _MOST_BYTES:
            raise ModelError(f"{RECORD} is larger than {_MOST_BYTES} bytes", hint="teach it again")
        record = _ADAPTER.validate_json(data)
        check_name(record.choices.camera, "camera")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in first["loc"]) or "the file"
        raise ModelError(f"{RECORD} cannot be read: {where}: {first['msg']}", hint="teach it again") from error
    except EdgeError as error:
        raise ModelError(f"{RECORD} cannot be read: {error.message}", hint="teach it again") from error
    if wrong := record.wrong():
        raise ModelError(f"{RECORD}: {wrong} cannot be so", hint="teach it again")
    return record


def teach_record(package: Package) -> TeachRecord | None:
    """The package's record, None when it has none (it was not made by `edge teach`, or by an older one).

    ModelError when it is damaged.
    """
    digest = package.manifest.files.get(RECORD)
    if digest is None:
        return None
    try:
        with (package.folder / RECORD).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        hint = "copy the package again"
        raise ModelError(
            f"{RECORD} of {package.manifest.reference} cannot be read: {error.strerror}", hint=hint
        ) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelError(
            f"{RECORD} of {package.manifest.reference} is not what the manifest says", hint="import the model again"
        )
    return load_record(data)


def pictures_beside(out: Path) -> Path:
    """Where the pictures of the model OUT (a folder that `edge teach` made, or a .zip) are kept."""
    return out.with_suffix(f".{PICTURES}") if out.suffix == ".zip" else out / PICTURES


def camera_text(camera: Camera) -> str:
    """What a station's camera section says about the picture itself; nothing of pace, ring or light barrier.

    The source by its digest only: a package travels, and an address may hold a password.
    """
    colour = "grey" if camera.channels == 1 else "colour"
    source = hashlib.sha256(camera.source.encode()).hexdigest()[:8]
    return f"{camera.name}: {camera.kind}, source {source}, {camera.width} x {camera.height} px, {colour}"


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _first_wrong(fine: dict[str, bool]) -> str:
    return next((name for name, is_fine in fine.items() if not is_fine), "")
