"""The raw pictures beside a package: those that it was taught with, and those of the corrections since.

Each is called by the SHA-256 of its bytes, so that one that was altered is known by its name. None is ever changed: the
next version's folder has the same files once more (hard links, where the file system can).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.capture.folder import ENDINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """name: as people know it. sha256: 64 hex."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """found: SHA-256 -> file, its bytes checked. missing, altered: names of those that are not there, or not so."""

    found: dict[str, Path]
    missing: tuple[str, ...]
    altered: tuple[str, ...]

    @property
    def lacking(self) -> tuple[str, ...]:
        return (*self.missing, *self.altered)


def gather(folder: Path | None, wanted: Iterable[Wanted]) -> Gathered:
    """Reads every file. folder None: there is none, and all are missing."""
    there = _listed(folder)
    found: dict[str, Path] = {}
    missing: list[str] = []
    altered: list[str] = []
    for one in wanted:
        path = there.get(one.sha256)
        if path is None:
            missing.append(one.name)
        elif _digest(path) != one.sha256:
            altered.append(one.name)
        else:
            found[one.sha256] = path
    return Gathered(found=found, missing=tuple(missing), altered=tuple(altered))


def absent(folder: Path | None, wanted: Iterable[Wanted]) -> tuple[str, ...]:
    """Names of those without a file; nothing is read."""
    there = _listed(folder)
    return tuple(one.name for one in wanted if one.sha256 not in there)


def carry(files: Iterable[Path], folder: Path) -> None:
    """Kept pictures into the next version's folder, under their names. OSError when they cannot be written."""
    folder.mkdir(exist_ok=True)
    for path in files:
        target = folder / path.name
        if target.exists():
            continue
        try:
            os.link(path, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, target)


def keep(files: Iterable[Path], folder: Path) -> None:
    """Pictures that a person gave, copied under the name of their bytes. OSError when one cannot be read or written."""
    folder.mkdir(exist_ok=True)
    for path in files:
        data = path.read_bytes()  # once: its name must be of the very bytes that are kept
        (folder / (hashlib.sha256(data).hexdigest() + path.suffix.lower())).write_bytes(data)


def kept(folder: Path | None) -> list[Path]:
    """All of a folder."""
    return list(_listed(folder).values())


def _listed(folder: Path | None) -> dict[str, Path]:
    """SHA-256 as the name says -> file."""
    if folder is None or not folder.is_dir():
        return {}
    entries = (path for path in sorted(folder.iterdir()) if path.suffix in ENDINGS and not path.is_symlink())
    return {path.stem: path for path in entries if path.is_file()}


def _digest(path: Path) -> str:
    """ "" when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
