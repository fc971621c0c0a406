"""Kept pictures: found in evidence.db, never by a path from outside, and read from inside the images' folder only."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge.domain.ledger import StoredPart
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.errors import NotThere
from edge.panel.seams import Databases
from edge.store.evidence import Image
from edge.store.ledger_reader import PartFilter

MAX_IMAGE_BYTES = 64 << 20
FRAME = "frame"
_CHUNK_BYTES = 262_144
_LOOK_BACK = 300  # parts
_AGE_S = 3600


class Picture(Response):
    """An open file, sent piece by piece: a slow reader holds one piece, not the picture. Always closed."""

    def __init__(self, file: BinaryIO, size_bytes: int, media_type: str) -> None:
        super().__init__(headers={"cache-control": f"private, max-age={_AGE_S}"}, media_type=media_type)
        self.headers["content-length"] = str(size_bytes)
        self._file = file
        self._left = size_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while self._left and scope["method"] != "HEAD":
                piece = await run_in_threadpool(self._file.read, min(_CHUNK_BYTES, self._left))
                if not piece:
                    break  # it became shorter under our hands: the connection ends, and the browser sees that
                self._left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()


def answer(folder: Path, image: Image) -> Picture:
    """NotThere when retention has removed it, or when what lies there is no plain file inside `folder`."""
    target = path_of(folder, image)
    try:
        fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise NotThere("this picture is no longer kept", hint="old pictures give way to new ones") from error
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_IMAGE_BYTES:
        os.close(fd)
        raise NotThere("this picture cannot be shown", hint="run edge doctor")
    media_type = "image/png" if target.suffix == ".png" else "image/jpeg"
    return Picture(open(fd, "rb", buffering=0), info.st_size, media_type)


def path_of(folder: Path, image: Image) -> Path:
    """Where it lies. NotThere when that is outside `folder`."""
    path = PurePosixPath(image.path)
    target = folder / path
    if path.is_absolute() or ".." in path.parts or not target.resolve().is_relative_to(folder.resolve()):
        raise NotThere("this picture lies outside the images' folder", hint="run edge doctor")
    return target


def find(books: Databases, part: StoredPart, view: str, kind: str) -> Image:
    """The picture of this part. NotThere when none was kept."""
    for image in books.evidence.images_of(part.row):
        if (image.part, image.view, image.kind) == (part.record.part, view, kind):
            return image
    raise NotThere(f"no picture {kind} of {view} was kept of this part", hint="see what the part's page says of it")


def newest_frame(books: Databases, recipe: RecipeRef, camera: str) -> Image | None:
    """Of the newest part of this version, else of any version of this recipe, else of none.

    Looks at the last 300 flagged parts, of which all pictures are kept, and at the last 300 of any kind.
    """
    flagged = PartFilter(verdicts=(Verdict.NG, Verdict.UNSURE))
    found = [*books.ledger.parts(None, _LOOK_BACK), *books.ledger.parts(flagged, _LOOK_BACK)]
    same = [part for part in found if part.trigger.recipe is not None and part.trigger.recipe.name == recipe.name]
    exact = [part for part in same if part.trigger.recipe == recipe]
    return _newest(books, exact, camera) or _newest(books, same, camera)


def _newest(books: Databases, parts: Sequence[StoredPart], camera: str) -> Image | None:
    rows = sorted({part.row for part in parts}, reverse=True)[:_LOOK_BACK]
    images = books.evidence.images_for(rows) if rows else {}
    for row in rows:
        for image in images.get(row, ()):
            if (image.view, image.kind) == (camera, FRAME):
                return image
    return None
