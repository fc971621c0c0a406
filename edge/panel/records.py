"""Parts as the API gives them: from the ledger, with what the other two databases know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edge.domain.ledger import StoredPart
from edge.domain.part import PartId
from edge.errors import NotThere, StoreError
from edge.panel import shapes
from edge.panel.live_part import image_url
from edge.panel.seams import Databases
from edge.store.evidence import Image
from edge.store.station import Label
from edge.store.station_schema import Named

T = TypeVar("T")


def page(books: Databases, parts: Sequence[StoredPart], before_row: int | None) -> shapes.PartPage:
    """Parts are shown also while pictures or labels cannot be looked up; `notes` then says so."""
    rows = [part.row for part in parts]
    notes: list[shapes.Problem] = []
    labels: dict[int, Label] = _or_note(lambda: books.station.labels_for(rows), {}, notes) if rows else {}
    images: dict[int, list[Image]] = _or_note(lambda: books.evidence.images_for(rows), {}, notes) if rows else {}
    named: dict[int, Named] = _or_note(lambda: books.station.names_for(rows), {}, []) if rows else {}
    return shapes.PartPage(
        parts=tuple(_row(part, labels.get(part.row), named.get(part.row), images.get(part.row, [])) for part in parts),
        before_row=before_row,
        notes=tuple(notes),
    )


def stored(books: Databases, station: str, epoch: int, n: int) -> StoredPart:
    part = PartId(station=station, epoch=epoch, n=n)
    found = books.ledger.part(part)
    if found is None:
        raise NotThere(f"there is no part {part} in the ledger", hint="it may be too old, or still on its way")
    return found


def whole(books: Databases, part: StoredPart) -> shapes.PartWhole:
    notes: list[shapes.Problem] = []
    labels: list[Label] = _or_note(lambda: books.station.labels_of(part.row), [], notes)
    images: list[Image] = _or_note(lambda: books.evidence.images_of(part.row), [], notes)
    missed: list[str] = _or_note(lambda: [miss.why for miss in books.evidence.missed_of(part.row)], [], [])
    return shapes.PartWhole(
        row=part.row,
        trigger=part.trigger,
        record=part.record,
        gate=part.gate,
        label=label(labels[-1]) if labels else None,
        labels=tuple(label(each) for each in labels),
        images=_images(part, images),
        missed=tuple(missed),
        notes=tuple(notes),
    )


def label(found: Label) -> shapes.LabelNow:
    return shapes.LabelNow(
        verdict=found.verdict,
        by=found.by,
        at=found.at,
        note=found.note,
        kind=found.kind,
        place=found.place,
        view=found.view,
    )


def _or_note(ask: Callable[[], T], otherwise: T, notes: list[shapes.Problem]) -> T:
    try:
        return ask()
    except StoreError as error:
        notes.append(shapes.Problem(message=error.message, hint=error.hint))
        return otherwise


def _row(part: StoredPart, found: Label | None, named: Named | None, images: Sequence[Image]) -> shapes.PartRow:
    return shapes.PartRow(
        row=part.row,
        part=part.record.part,
        at=part.trigger.wall,
        verdict=part.record.verdict,
        reasons=part.record.reasons,
        purpose=part.trigger.purpose,
        lot=part.trigger.lot,
        recipe=part.trigger.recipe,
        gate=None if part.gate is None else part.gate.outcome,
        label=None if found is None else label(found),
        named=None if named is None else named.kind,
        images=_images(part, images),
    )


def _images(part: StoredPart, images: Sequence[Image]) -> tuple[shapes.ImageRef, ...]:
    """Only those that say that they are of this part: a row means a part of one ledger."""
    which = part.record.part
    return tuple(image_ref(image) for image in images if image.part == which)


def image_ref(image: Image) -> shapes.ImageRef:
    return shapes.ImageRef(
        view=image.view,
        kind=image.kind,
        width=image.width,
        height=image.height,
        url=image_url(image.part, image.view, image.kind),
    )
