"""A model package as one file. Nothing is extracted by zipfile itself: names and sizes are checked first."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from edge.domain.model import MAX_MANIFEST_BYTES
from edge.errors import ModelError
from edge.store.atomic import new_file
from edge.store.package_check import (
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_PACKAGE_BYTES,
    Member,
    check_member,
    checked_manifest,
)

_MAX_MEMBERS = 10_001
_MAX_FOLDERS = 1000
_MAX_LIST_BYTES = 8 << 20
_LAST = struct.Struct("<4s4H2LH")  # end of central directory, without a comment
_LOCATOR_BYTES = 20  # what a zip64 archive has before it
_MAX_RATIO = 100  # weights hardly shrink; what shrinks more is a bomb
_SMALL_BYTES = 16 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def write_zip(folder: Path, names: Sequence[str], out: Path) -> None:
    """These files of `folder`, in this order; nothing in the .zip depends on when and where it was made."""
    with new_file(out) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.create_system = 3  # unix, on every machine
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            with open(folder / name, "rb") as source, archive.open(info, "w", force_zip64=True) as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)


@contextmanager
def open_zip(path: Path) -> Iterator[tuple[bytes, Member]]:
    """The manifest's bytes and how to open each member, after all names and sizes were checked. ModelError."""
    with _explained(path):
        _check_directory(path)
    with _explained(path), zipfile.ZipFile(path) as archive:
        members = _checked_members(path, archive)
        data = _read(archive, members, MANIFEST, MAX_MANIFEST_BYTES)
        promised = set(checked_manifest(data).files)
        if promised != members.keys() - {MANIFEST}:
            odd = sorted(promised ^ (members.keys() - {MANIFEST}))[0]
            raise ModelError(f"{path.name}: {odd[:60]!r} is missing or not in the manifest", hint="export it again")

        def member(name: str) -> AbstractContextManager[IO[bytes]]:
            return _member(path, archive, members[name])

        yield data, member


def _check_directory(path: Path) -> None:
    """Before zipfile reads all of the list of members into memory: its size, from the last record (APPNOTE 4.3.16)."""
    with open(path, "rb") as source:
        size = source.seek(0, 2)
        source.seek(max(0, size - _LAST.size - _LOCATOR_BYTES))
        tail = source.read()
    if size > MAX_PACKAGE_BYTES + _MAX_LIST_BYTES or tail[-_LAST.size :][:4] != b"PK\x05\x06":
        raise ModelError(f"{path} is no .zip of a model package", hint="make it with edge model, without a comment")
    entries, listed_bytes = _LAST.unpack(tail[-_LAST.size :])[4:6]
    if tail[:4] == b"PK\x06\x07" or entries > _MAX_MEMBERS + _MAX_FOLDERS or listed_bytes > _MAX_LIST_BYTES:
        raise ModelError(f"{path} lists too many files", hint=f"at most {_MAX_MEMBERS}")


@contextmanager
def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    with _explained(path), archive.open(info) as source:
        yield source


def _read(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, bound: int) -> bytes:
    if name not in members:
        raise ModelError(f"the package has no {name}", hint="pack the folder's content, not the folder itself")
    with archive.open(members[name]) as source:
        return source.read(bound + 1)


def _checked_members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > _MAX_MEMBERS:
        raise ModelError(f"{path.name} holds {len(infos)} files", hint=f"at most {_MAX_MEMBERS}")
    total = sum(info.file_size for info in infos)
    if total > MAX_PACKAGE_BYTES or total > max(_SMALL_BYTES, path.stat().st_size * _MAX_RATIO):
        raise ModelError(f"{path.name} would unpack to {total} bytes", hint="this is no model package")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or info.flag_bits & 1 or info.file_size > MAX_FILE_BYTES:
            raise ModelError(f"{path.name}: {info.filename[:60]!r} is a link, encrypted or too large")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelError(f"{path.name}: {info.filename[:60]!r} is compressed in an unusual way")
        if check_member(info.filename) in members:
            raise ModelError(f"{path.name}: {info.filename[:60]!r} is in it twice")
        members[info.filename] = info
    return members


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """zipfile raises RuntimeError (and its kinds) about features and passwords, zlib.error and EOFError on damage."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path} is not a sound .zip: {error}", hint="copy or export the package again") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint="check the path") from error
