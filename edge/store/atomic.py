"""Files and folders that appear whole or not at all: written beside their place, synced, renamed (rename(2))."""

from __future__ import annotations

import contextlib
import errno
import fcntl
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
    with unfinished_folder(target) as folder:
        yield folder
        _sync_tree(folder)
        folder.chmod(0o755)
        try:
            os.rename(folder, target)
        except OSError as error:
            if target.is_dir() and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(target) from error
            raise
        sync(target.parent)  # the new name, too


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, in which what shall appear there is made. What is left in it goes on leaving.

    What a killed process left behind goes first. StoreFull or StoreError when the disk refuses.
    """
    with _explained(target), _parents_of(target):
        _remove_abandoned(target.parent)
        folder, held = _locked_folder(target.parent)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path to write to; it replaces `target` on leaving."""
    with _explained(target):
        fd, name = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED)
        os.close(fd)
        path = Path(name)
        try:
            yield path
            sync(path)
            path.chmod(0o644)
            path.replace(target)
            sync(target.parent)  # the new name, too
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


@contextmanager
def _parents_of(target: Path) -> Iterator[None]:
    """Makes them; those that were not there go again when nothing comes of it."""
    made = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else uses it by now
            for parent in made:
                parent.rmdir()
        raise


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """The folder, and what holds its lock (flock(2)): as long as it is held, nobody takes it for abandoned."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=UNFINISHED))
        if (held := _lock(folder)) is not None:
            return folder, held
        shutil.rmtree(folder, ignore_errors=True)  # somebody cleans up, and saw it before we held it


def _lock(folder: Path) -> int | None:
    """None: another holds it, or it is gone."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == folder.stat().st_ino:  # else it was removed between
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _remove_abandoned(parent: Path) -> None:
    for leftover in parent.glob(f"{UNFINISHED}*"):
        if leftover.is_symlink() or not leftover.is_dir():
            continue
        held = _lock(leftover)
        if held is not None:
            shutil.rmtree(leftover, ignore_errors=True)
            os.close(held)


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """What is in this file or folder is on the disk (fsync(2)). OSError as the disk gives it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
