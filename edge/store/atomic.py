"""Files and folders that appear whole or not at all: written beside their place, synced, renamed (rename(2))."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import StoreError, StoreFull

UNFINISHED = ".unfinished-"  # names of what is being written; nobody lists them


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill; it becomes `target` on leaving. FileExistsError when a filled `target` is there."""
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=UNFINISHED))
        try:
            yield folder
            _sync_tree(folder)
            folder.chmod(0o755)
            os.rename(folder, target)
            _sync(target.parent)  # the new name, too
        except OSError as error:
            if target.is_dir() and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(target) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path to write to; it replaces `target` on leaving."""
    with _explained(target):
        fd, name = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED)
        os.close(fd)
        path = Path(name)
        try:
            yield path
            _sync(path)
            path.chmod(0o644)
            path.replace(target)
            _sync(target.parent)  # the new name, too
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise explain_os(error, target) from error


def explain_os(error: OSError, target: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return StoreFull(f"{target} cannot be written: {error.strerror}", hint="free space on the disk")
    return StoreError(f"{target} cannot be written: {error.strerror}", hint="check the folder and who owns it")


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
