"""What a model package must be: its manifest, its names, its sizes and hashes. Shared by folders and .zip files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO

from edge.domain.model import Manifest, load_manifest
from edge.domain.recipe import split_reference
from edge.errors import ModelError, UsageError

MANIFEST = "manifest.json"
MODEL = "model.onnx"
MAX_FILE_BYTES = 1 << 30
MAX_PACKAGE_BYTES = 2 << 30
MAX_DEPTH = 6
_CHUNK = 1 << 20
_PIECE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,99}")

Member = Callable[[str], AbstractContextManager[IO[bytes]]]


def checked_manifest(data: bytes) -> Manifest:
    """`load_manifest`, and all that concerns the package's files. ModelError."""
    manifest = load_manifest(data)
    try:
        split_reference(manifest.reference)
    except UsageError as error:
        raise ModelError(f"model {manifest.reference}: {error.message}", hint=error.hint) from error
    for name, digest in manifest.files.items():
        check_member(name)
        if name == MANIFEST or re.fullmatch("[0-9a-f]{64}", digest) is None:
            raise ModelError(f"model {manifest.reference}: {name} has no SHA-256 of 64 hex digits")
    for golden in manifest.golden:
        if golden.file not in manifest.files:
            raise ModelError(f"model {manifest.reference}: golden part {golden.file[:60]!r} is not among its files")
    return manifest


def check_member(name: str) -> str:
    """`name` itself when it is a plain relative path; ModelError otherwise."""
    pieces = name.split("/")
    if len(pieces) > MAX_DEPTH or len(name) > 200 or not all(_PIECE.fullmatch(piece) for piece in pieces):
        raise ModelError(
            f"{name[:60]!r} cannot be a file of a package",
            hint="use letters, digits, '-', '_', '.', '+' or spaces, at most 6 folders deep",
        )
    return name


def copy_checked(source: IO[bytes], target: IO[bytes] | None, name: str, digest: str, left: int) -> int:
    """Copy (or only read) one file and return its size; ModelError when it is not what `digest` says, or too large.

    left: how many bytes the package may still have.
    """
    bound = min(left, MAX_FILE_BYTES)
    size, sha = 0, hashlib.sha256()
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > bound:
            raise ModelError(f"{name} makes the package too large", hint=f"at most {MAX_PACKAGE_BYTES >> 20} MiB")
        sha.update(chunk)
        if target is not None:
            target.write(chunk)
    if sha.hexdigest() != digest:
        raise ModelError(f"{name} is not the file that the manifest names", hint="copy or export the package again")
    return size
