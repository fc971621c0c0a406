"""Pictures whose answer is known, in the layout of MVTec AD (Bergmann et al., CVPR 2019).

    DIR/test/good/*               good parts
    DIR/test/<kind>/*             defective ones, by the kind of their defect
    DIR/ground_truth/<kind>/*     masks, NAME_mask.* or NAME.*, not black where the defect is; they may be missing

DIR/test itself is understood too, and a folder that holds `good` and the kinds directly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.capture.folder import ENDINGS, decode_picture, natural
from edge.errors import SourceError, UsageError

GOOD = "good"
_TEST, _TRUTH = "test", "ground_truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """name: path inside the test folder. kind: its sub-folder, `good` or the defect's. mask: None for no file."""

    path: Path
    name: str
    kind: str
    mask: Path | None = None

    @property
    def good(self) -> bool:
        return self.kind == GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """pictures: good ones first, then kind by kind, in natural order. passed_over: files that are no picture, or lie
    in no kind's folder."""

    pictures: tuple[LabelledPicture, ...]
    passed_over: int


def find_pictures(source: Path) -> LabelledSet:
    """UsageError when it is no such folder, SourceError when it holds no picture or cannot be read.

    What is called a picture and is none is in the list, so that it is missed aloud.
    """
    base, truth = _base(source)
    found: list[LabelledPicture] = []
    passed_over = 0
    for path in _files(base, _TRUTH):
        kind = path.parent.relative_to(base).as_posix()
        if kind == "." or path.suffix.lower() not in ENDINGS:
            passed_over += 1
            continue
        mask = None if kind == GOOD else _mask(truth / kind, path.stem)
        found.append(LabelledPicture(path=path, name=path.relative_to(base).as_posix(), kind=kind, mask=mask))
    if not found:
        raise SourceError(f"there are no pictures in {base}/*", hint=f"known: {', '.join(sorted(ENDINGS))}")
    found.sort(key=lambda one: (not one.good, natural(one.kind), natural(one.name)))
    return LabelledSet(pictures=tuple(found), passed_over=passed_over)


def read_mask(path: Path) -> NDArray[np.bool_] | None:
    """(H, W), True where the defect is: brighter than half of the brightest. None when it is no picture."""
    grey = decode_picture(path, 1)
    return None if grey is None else np.asarray(grey[:, :, 0] > grey.max() / 2)


def _base(source: Path) -> tuple[Path, Path]:
    """The folder whose sub-folders are the kinds, and the masks'."""
    if not source.is_dir():
        raise UsageError(f"there is no folder {source}", hint="give a folder with test/good and test/<defect>")
    if (source / _TEST).is_dir():
        return source / _TEST, source / _TRUTH
    if source.name == _TEST or (source / GOOD).is_dir():
        beside = source.parent / _TRUTH
        return source, beside if source.name == _TEST and beside.is_dir() else source / _TRUTH
    raise UsageError(
        f"{source} has no test folder", hint="lay the pictures out as test/good/... and test/<name of the defect>/..."
    )


def _files(base: Path, skipped: str) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        hint = "may this user read it?"
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}", hint=hint) from error

    for folder, folders, names in os.walk(base, onerror=refuse):
        folders[:] = [name for name in folders if name != skipped and not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _mask(folder: Path, stem: str) -> Path | None:
    for name in (f"{stem}_mask", stem):
        for ending in sorted(ENDINGS):
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None
