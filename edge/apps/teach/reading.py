"""Each picture is read once: hashed, kept byte for byte, decoded, and its part cut out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.apps.progress import Steps
from edge.apps.teach.pictures import Given
from edge.apps.teach.planning import Size, cut_out_size, make_plan
from edge.capture.folder import decode_bytes, read_picture
from edge.domain.recipe import View
from edge.errors import SourceError
from edge.inference.rectify import Pixels
from edge.inference.session import SessionOptions
from edge.learning.backbone import Backbone
from edge.learning.teach import Plan, Teacher
from edge.learning.teach_record import TeachPicture

Keep = Callable[[str, bytes], None]
"""(file's name, its bytes)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be taught. view: of the recipe that is the basis; the rest as in `edge.apps.teach.teach.Request`."""

    backbone: Backbone
    view: View | None
    side_px: int
    rate: float
    confirmed: tuple[str, ...]
    threads: int
    int8: bool

    def plan(self, frame: Size) -> Plan:
        plan = make_plan(
            self.backbone, self.view, frame, side_px=self.side_px, rate=self.rate, confirmed=self.confirmed
        )  # fmt: skip
        return replace(plan, int8=self.int8)


def read_all(
    wanted: Wanted, pictures: Sequence[Given], keep: Keep, steps: Steps
) -> tuple[Teacher, tuple[TeachPicture, ...]]:
    """A teacher that has seen them all, but for those that were left out. SourceError or UsageError names a picture
    that cannot be used."""
    first = next(one for one in pictures if not one.dropped)
    plan = wanted.plan(_size(_decoded(first, _bytes(first))))
    found = _shown(wanted, plan, pictures, keep, steps)
    if isinstance(found, list):
        usual = cut_out_size(found)
        assert usual is not None
        plan = wanted.plan(usual)
        plan = replace(plan, locate=replace(plan.locate, search=None), cut_out=True)
        found = _shown(wanted, plan, pictures, keep, steps)
        assert not isinstance(found, list)
    return found


def _shown(
    wanted: Wanted, plan: Plan, pictures: Sequence[Given], keep: Keep, steps: Steps
) -> tuple[Teacher, tuple[TeachPicture, ...]] | list[Size]:
    """All sizes instead, when they turn out to differ so much that each picture must be a part by itself."""
    teacher = Teacher(plan, wanted.backbone, SessionOptions(threads=wanted.threads))
    whole = wanted.view is None and not plan.cut_out
    read: list[TeachPicture] = []
    for number, given in enumerate(pictures):
        steps("reading", number, len(pictures))
        data = _bytes(given)
        pixels = _decoded(given, data)
        kept = _record(given, data, pixels)
        if not given.dropped:
            if whole and _size(pixels) != (plan.locate.width_px, plan.locate.height_px):
                whole = False
                sizes = [_size(_decoded(one, _bytes(one))) for one in pictures if not one.dropped]
                if cut_out_size(sizes):
                    return sizes
            teacher.show(pixels, given.name)
        keep(kept.file, data)
        read.append(kept)
    return teacher, tuple(read)


def _record(given: Given, data: bytes, pixels: Pixels) -> TeachPicture:
    sha256 = hashlib.sha256(data).hexdigest()
    if given.sha256 not in ("", sha256):
        raise SourceError(
            f"{given.name} is not the picture it was: {given.path.name} was altered", hint="put the old one back"
        )
    width, height = _size(pixels)
    return TeachPicture(
        name=given.name, sha256=sha256, ending=given.path.suffix.lower(), origin=given.origin, part=given.part,
        width=width, height=height, dropped=given.dropped, confirmed=given.confirmed, lossy=given.lossy,
    )  # fmt: skip


def _bytes(given: Given) -> bytes:
    data = read_picture(given.path)
    if data is None:
        raise SourceError(f"{given.path} cannot be read as a picture", hint="remove it or copy it again")
    return data


def _decoded(given: Given, data: bytes) -> Pixels:
    pixels = decode_bytes(data, 3)
    if pixels is None:
        raise SourceError(f"{given.path} cannot be read as a picture", hint="remove it or copy it again")
    return pixels


def _size(pixels: Pixels) -> Size:
    return pixels.shape[1], pixels.shape[0]
