"""Pictures that are calibrated with: read, all of one size, in natural order of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from calibration.boards import Grey
from calibration.views import Refusal
from edge.capture.folder import decode_picture, is_picture, natural
from edge.errors import CalibrationError, SourceError, UsageError

Size = tuple[int, int]


def files_of(given: Sequence[Path]) -> list[Path]:
    """Folders give the pictures in them. UsageError when nothing is there."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += sorted((one for one in path.iterdir() if is_picture(one)), key=lambda one: natural(one.name))
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"there is no picture or folder {path}", hint="give pictures or a folder of them")
    if not found:
        raise UsageError("no pictures are there", hint="give pictures or a folder of them")
    return found


def read_grey(path: Path) -> Grey | None:
    """(H, W) uint8; None when it is no picture."""
    picture = decode_picture(path, 1)
    return None if picture is None else np.ascontiguousarray(picture[:, :, 0])


def read_one(path: Path, channels: int) -> np.ndarray:
    """(H, W, channels) uint8. SourceError when it is no picture."""
    picture = decode_picture(path, channels)
    if picture is None:
        raise SourceError(f"{path} cannot be read as a picture", hint="remove it or take it again")
    return picture


def of_one_size(files: Sequence[Path], refused: list[Refusal]) -> tuple[Size, Iterator[tuple[Path, Grey]]]:
    """The size that most have, and the pictures of that size; the others are refused. CalibrationError when none."""
    sizes = {path: size for path in files if (size := _size(path)) is not None}
    refused += [Refusal(file=path.name, why="cannot be read as a picture") for path in files if path not in sizes]
    if not sizes:
        raise CalibrationError("none of the pictures can be read", hint="give photos or frames of the camera")
    usual, _ = Counter(sizes.values()).most_common(1)[0]
    for path, size in sizes.items():
        if size != usual:
            why = f"has {size[0]} x {size[1]} px, the others {usual[0]} x {usual[1]}: one camera, one setting"
            refused.append(Refusal(file=path.name, why=why))
    return usual, _read([path for path, size in sizes.items() if size == usual])


def _read(files: Sequence[Path]) -> Iterator[tuple[Path, Grey]]:
    for path in files:
        picture = read_grey(path)
        if picture is None:
            raise SourceError(f"{path} changed while it was read", hint="start again when nothing writes there")
        yield path, picture


def _size(path: Path) -> Size | None:
    picture = read_grey(path)
    return None if picture is None else (picture.shape[1], picture.shape[0])
