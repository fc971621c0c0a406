"""What is judged: pictures, one for each part, from a folder of images.

A folder in the MVTec layout (`test/good`, `test/<defect>`, `ground_truth/...`) is walked as one: only `test` when
there is one, never the masks; the sub-folder is the part's group.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.bus.ring import Pixels
from edge.capture.folder import ENDINGS, decode_picture, natural
from edge.errors import SourceError

# Asked before each picture or frame, with how far it is, for the progress; False ends it.
GoOn = Callable[[int], bool]

_MASKS = "ground_truth"
_TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One part's picture. pixels: (H, W, 1 or 3) uint8, BGR when 3; None when it cannot be had.

    name: the file, or the frame of the video. group: the sub-folder, "" without one. seq: frame number from 1, to know
    a frozen picture. time_s: place in the video, None for files. late: the frame was not kept until it was known to
    show a part.
    """

    name: str
    seq: int
    pixels: Pixels | None
    group: str = ""
    time_s: float | None = None
    late: bool = False


class FolderPictures:
    """Every image below a folder, or one image; in natural order, sub-folder by sub-folder.

    SourceError when there is none, or when a folder cannot be read: a part that nobody looked at is not passed over.
    passed_over: how many files have no picture's ending. Links to folders are not followed.
    """

    def __init__(self, source: Path, channels: int = 3) -> None:
        self._channels = channels
        if source.is_file():
            self.base, found, self.passed_over = source.parent, [source], 0
        else:
            self.base = source / _TEST if (source / _TEST).is_dir() else source
            found, self.passed_over = _walk(self.base)
        self._files = sorted(found, key=self._order)
        self.total = len(self._files)
        if not self._files:
            raise SourceError(f"there are no pictures in {source}", hint=f"known: {', '.join(sorted(ENDINGS))}")

    def each(self, go_on: GoOn) -> Iterator[Picture]:
        for seq, path in enumerate(self._files, 1):
            if not go_on(seq):
                return
            relative = path.relative_to(self.base)
            group = "" if relative.parent == Path() else relative.parent.as_posix()
            yield Picture(name=relative.as_posix(), seq=seq, group=group, pixels=decode_picture(path, self._channels))

    def close(self) -> None:
        """Nothing is held."""

    def _order(self, path: Path) -> list[tuple[list[int | str], str]]:
        return [natural(piece) for piece in path.relative_to(self.base).parts]


def _walk(base: Path) -> tuple[list[Path], int]:
    """Whatever is called an image, so that what only seems one is judged unreadable; and the number of other files."""
    found: list[Path] = []
    others = 0
    for folder, folders, names in os.walk(base, onerror=_unreadable):
        folders[:] = [name for name in folders if name != _MASKS and not name.startswith(".")]
        images = [Path(folder, name) for name in names if _looks_like_one(name)]
        found += images
        others += len(names) - len(images)
    return found, others


def _looks_like_one(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in ENDINGS


def _unreadable(error: OSError) -> None:
    raise SourceError(f"{error.filename} cannot be read: {error.strerror}", hint="may this user read it?") from error
