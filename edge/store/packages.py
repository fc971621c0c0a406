"""Model packages on the disk: a folder (`edge.domain.model`) or the same in one .zip.

A package is what its manifest lists, byte for byte: every file's SHA-256 is checked whenever one is opened or
copied, and a file that is missing or too many refuses it. Installed packages lie in `models_dir/NAME@VERSION`,
appear there whole or not at all, and are never changed.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edge.domain.model import MAX_MANIFEST_BYTES, Manifest, dump_manifest
from edge.domain.recipe import split_reference
from edge.errors import ModelError, UsageError
from edge.service import FileLock
from edge.store.atomic import UNFINISHED, explain_os, new_folder
from edge.store.package_check import (
    MANIFEST,
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_PACKAGE_BYTES,
    MODEL,
    Member,
    check_member,
    checked_manifest,
    copy_checked,
)
from edge.store.package_zip import open_zip, write_zip

_MAX_FOLDERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package whose files were checked. digest: SHA-256 of the manifest (64 hex), and so of all it lists."""

    manifest: Manifest
    folder: Path
    model_path: Path
    digest: str

    @property
    def model_digest(self) -> str:
        """SHA-256 of model.onnx, 64 hex: what a recipe's check names."""
        return self.manifest.files[MODEL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What lies in models_dir. broken: (folder's name, what is wrong with it), for the person."""

    packages: tuple[Package, ...]
    broken: tuple[tuple[str, str], ...]


def open_package(path: Path) -> Package:
    """The package in this folder, every file read and checked. ModelError says what does not fit."""
    data = _manifest_bytes(path)
    manifest = checked_manifest(data)
    found = set(_files_below(path))
    _same_names(path, found - {MANIFEST}, set(manifest.files))
    left = MAX_PACKAGE_BYTES
    for name, digest in sorted(manifest.files.items()):
        with _regular(path / name) as source:
            left -= copy_checked(source, None, name, digest, left)
    return _package(path, manifest, data)


def find_package(models_dir: Path, reference: str) -> Package:
    """The installed package NAME@VERSION. UsageError on another form, ModelError when it is not there or damaged."""
    name, version = split_reference(reference)
    folder = models_dir / f"{name}@{version}"
    if not folder.is_dir():
        known = ", ".join(sorted(_installed_names(models_dir))[:10]) or "none"
        raise ModelError(f"model {reference} is not installed", hint=f"edge model import; installed: {known}")
    package = open_package(folder)
    if package.manifest.reference != folder.name:
        raise ModelError(f"{folder} holds {package.manifest.reference}", hint="remove it and import the model again")
    return package


def list_packages(models_dir: Path) -> Installed:
    """All of models_dir, by name. Reads every file: not for a page that is shown often."""
    packages: list[Package] = []
    broken: list[tuple[str, str]] = []
    for name in sorted(_installed_names(models_dir)):
        try:
            packages.append(find_package(models_dir, name))
        except (ModelError, UsageError) as error:
            broken.append((name, error.message))
    return Installed(packages=tuple(packages), broken=tuple(broken))


def import_package(source: Path, models_dir: Path) -> Package:
    """Install the package in this folder or .zip. The same one again is fine.

    ModelError: malformed, or another package of that name and version is installed. AlreadyRunning: another import.
    """
    if source.is_dir():
        open_package(source)  # says what is wrong before anything is copied
        return _install(models_dir, _manifest_bytes(source), lambda name: _regular(source / name))
    with open_zip(source) as (data, member):
        return _install(models_dir, data, member)


def write_package(folder: Path, manifest: Manifest, files: Mapping[str, bytes | Path]) -> Package:
    """Make a package of these files (path inside the package -> content or file). `manifest.files` is replaced.

    ModelError when `folder` is there already or the files do not fit.
    """
    hashes = {name: _digest_of(name, content) for name, content in files.items()}
    data = dump_manifest(replace(manifest, files=hashes))
    final = checked_manifest(data)
    try:
        with new_folder(folder) as unfinished:
            _fill(unfinished, final, data, lambda name: _opened(files[name]))
    except FileExistsError as error:
        raise ModelError(f"{folder} is there already", hint="packages never change: make a new version") from error
    return _package(folder, final, data)


def pack(folder: Path, out: Path) -> Path:
    """Write the package as one .zip: the same package gives the same bytes everywhere (stored, sorted, undated)."""
    package = open_package(folder)
    write_zip(folder, [MANIFEST, *sorted(package.manifest.files)], out)
    return out


def _install(models_dir: Path, data: bytes, member: Member) -> Package:
    manifest = checked_manifest(data)
    target = models_dir / manifest.reference
    lock = FileLock(models_dir / ".lock")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire("an import of models")
    except OSError as error:
        raise explain_os(error, models_dir) from error
    try:
        for leftover in models_dir.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)  # of an import that was killed: we hold the lock
        if target.exists():
            return _same_as_installed(target, data)
        with new_folder(target) as folder:
            _fill(folder, manifest, data, member)
        return _package(target, manifest, data)
    finally:
        lock.release()


def _same_as_installed(target: Path, data: bytes) -> Package:
    installed = open_package(target)
    if installed.digest != hashlib.sha256(data).hexdigest():
        raise ModelError(
            f"another model {installed.manifest.reference} is installed", hint="give the changed model a new version"
        )
    return installed


def _fill(folder: Path, manifest: Manifest, data: bytes, member: Member) -> None:
    left = MAX_PACKAGE_BYTES
    for name, digest in sorted(manifest.files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with member(name) as source, open(path, "xb") as target:
            left -= copy_checked(source, target, name, digest, left)
    (folder / MANIFEST).write_bytes(data)


def _package(folder: Path, manifest: Manifest, data: bytes) -> Package:
    return Package(manifest=manifest, folder=folder, model_path=folder / MODEL, digest=hashlib.sha256(data).hexdigest())


def _installed_names(models_dir: Path) -> list[str]:
    if not models_dir.is_dir():
        return []
    return [entry.name for entry in models_dir.iterdir() if entry.is_dir() and not entry.name.startswith(".")]


def _manifest_bytes(folder: Path) -> bytes:
    if folder.is_symlink() or not folder.is_dir():
        raise ModelError(f"{folder} is not a model package", hint="give a folder with manifest.json, or its .zip")
    with _regular(folder / MANIFEST) as source:
        return source.read(MAX_MANIFEST_BYTES + 1)  # one more, so that load_manifest refuses it


def _files_below(folder: Path, prefix: str = "", budget: list[int] | None = None) -> Iterator[str]:
    """Relative paths of all regular files; ModelError on anything else, and on too many folders."""
    budget = [_MAX_FOLDERS] if budget is None else budget
    budget[0] -= 1
    if budget[0] < 0 or prefix.count("/") > MAX_DEPTH:
        raise ModelError(f"{folder} has too many folders for a model package")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path), f"{prefix}{entry.name}/", budget)
            elif entry.is_file(follow_symlinks=False):
                yield prefix + entry.name
            else:
                raise ModelError(f"{prefix}{entry.name} is a link or a device", hint="packages hold plain files only")


def _same_names(path: Path, found: set[str], promised: set[str]) -> None:
    if missing := sorted(promised - found):
        raise ModelError(f"{path}: {missing[0]} is missing", hint="copy or export the package again")
    if extra := sorted(found - promised):
        raise ModelError(f"{path}: {extra[0][:60]!r} is not in the manifest", hint="remove it, or export again")


@contextmanager
def _regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain file without following a link. ModelError otherwise."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint="copy or export the package again") from error
    with open(fd, "rb") as source:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path} is not a plain file of at most {MAX_FILE_BYTES >> 20} MiB")
        yield source


@contextmanager
def _opened(content: bytes | Path) -> Iterator[IO[bytes]]:
    if isinstance(content, bytes):
        yield io.BytesIO(content)
    else:
        with _regular(content) as source:
            yield source


def _digest_of(name: str, content: bytes | Path) -> str:
    check_member(name)
    with _opened(content) as source:
        return hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
