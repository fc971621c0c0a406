"""Image files that appear whole or not at all: written in a folder of their own, then renamed (rename(2)).

Not synced: a power cut may lose the last images (the kernel's journal orders data before the rename on ext4), a
killed process leaves only a file in the unfinished folder, which the next start empties.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec

from edge.bus.ring import Pixels
from edge.errors import StoreError

UNFINISHED = ".unfinished"
_RUN_LENGTHS = cv2.IMWRITE_PNG_STRATEGY_RLE
_OURS = re.compile(r".+-[0-9]+-[0-9]+-.+\.(?:jpg|png|json)")  # see `evidence.image_path`


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """bytes: picture and overlay together."""

    bytes: int
    width: int
    height: int


class _Size(msgspec.Struct):
    width: int
    height: int


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """(height, width, 1 or 3) uint8, BGR. StoreError when the encoder refuses it.

    Colour at full resolution: with the encoder's usual half, a taught detector scores good parts 8 to 9 % higher than
    in the frame itself, with this 0 to 6 %, for a fifth more bytes (docs/decisions/0019).
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encoded(".jpg", pixels, options)


def encode_png(pixels: Pixels) -> bytes:
    """The very pixels, as `encode_jpeg` takes them. Level 1 and run lengths: of the settings the fastest, and as small
    as any (a camera's noise does not shrink). Some fifteen times as long as a JPEG."""
    return _encoded(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, _RUN_LENGTHS])


def _encoded(ending: str, pixels: Pixels, options: list[int]) -> bytes:
    try:
        good, data = cv2.imencode(ending, pixels, options)
    except cv2.error as error:
        raise StoreError(f"a frame of {pixels.shape} cannot be encoded: {error}") from error
    if not good:
        raise StoreError(f"a frame of {pixels.shape} cannot be encoded")
    return data.tobytes()


class ImageFolder:
    """The images' folder. One writer. Methods raise OSError as the disk gives it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unfinished = root / UNFINISHED

    def prepare(self) -> None:
        """Make the folder and remove what a killed process left half-written."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        for leftover in self._unfinished.iterdir():
            leftover.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.root if self.root.exists() else self.root.parent).free

    def write(self, path: str, picture: bytes, overlay: bytes) -> int:
        """Bytes on disk. The overlay first: a picture that is there has its overlay."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._place(target.with_suffix(".json"), overlay)
        try:
            self._place(target, picture)
        except OSError:
            with contextlib.suppress(OSError):
                self.remove(path)
            raise
        return len(picture) + len(overlay)

    def _place(self, target: Path, data: bytes) -> None:
        beside = self._unfinished / f"{os.getpid()}-{target.name}"
        try:
            beside.write_bytes(data)
            beside.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise

    def found(self, path: str) -> Written | None:
        """A picture already there whole: written before a crash that lost its row."""
        target = self.root / path
        try:
            overlay = target.with_suffix(".json").read_bytes()
            size = msgspec.json.decode(overlay, type=_Size)
            return Written(bytes=target.stat().st_size + len(overlay), width=size.width, height=size.height)
        except (OSError, msgspec.MsgspecError):
            return None

    def pictures(self) -> Iterator[str]:
        """The path of every picture or overlay here, as `write` was given it; one that has both comes twice. What is
        not named as ours is left out; what changes meanwhile may be in it or not."""
        for day in _folders(self.root):
            for lot in _folders(day):
                with contextlib.suppress(OSError):
                    names = set(os.listdir(lot))
                    for name in sorted(names):
                        if _OURS.fullmatch(name):
                            yield f"{day.name}/{lot.name}/{_picture_of(name, names)}"

    def remove(self, path: str) -> None:
        """Picture, overlay, and folders that became empty."""
        target = self.root / path
        target.unlink(missing_ok=True)
        target.with_suffix(".json").unlink(missing_ok=True)
        for folder in (target.parent, target.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return  # not empty


def _picture_of(name: str, names: set[str]) -> str:
    """The picture's name, also where this is its overlay."""
    path = Path(name)
    if path.suffix != ".json":
        return name
    return f"{path.stem}.png" if f"{path.stem}.png" in names else f"{path.stem}.jpg"


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.name != UNFINISHED and path.is_dir())
    except OSError:
        return []
