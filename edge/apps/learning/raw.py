"""Where the raw pictures of a package lie, and how those of a correction come to lie beside the next version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.apps.learning.source import Source
from edge.learning.kept_pictures import carry, keep, kept
from edge.learning.teach_record import PICTURES
from edge.settings.station import Station
from edge.store.atomic import explain_os


def taught_dir(station: Station) -> Path:
    """Where a station's own teaching writes: NAME@VERSION/{package,recipe.json,pictures}."""
    return station.data_dir / "taught"


def judges_parts(station: Station) -> bool:
    """Whether its line has judged parts and its recorder kept pictures."""
    return all((station.data_dir / name).is_file() for name in ("ledger.db", "evidence.db"))


def pictures_of(source: Source, station: Station | None) -> Path | None:
    """Beside the package; of an installed one, where its station taught it. None when there are none."""
    if source.pictures is not None or station is None:
        return source.pictures
    folder = taught_dir(station) / source.package.manifest.reference / PICTURES
    return folder if folder.is_dir() else None


def keep_with(pictures: Path | None, given: Sequence[Path], folder: Path) -> None:
    """Into the next version's folder: those of the version before, and those of the parts that a person judged, so that
    it can be taught again with all of them. StoreFull or StoreError when they cannot be written."""
    carry_to(kept(pictures), folder)
    try:
        keep(given, folder / PICTURES)
    except OSError as error:
        raise explain_os(error, folder / PICTURES) from error


def carry_to(files: Iterable[Path], folder: Path) -> None:
    """Kept pictures into the next version's folder. StoreFull or StoreError when they cannot be written."""
    try:
        carry(files, folder / PICTURES)
    except OSError as error:
        raise explain_os(error, folder / PICTURES) from error
