"""What is kept of each job between panels: data_dir/jobs/NUMBER.json, with the process that does it while it runs."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from edge import log
from edge.panel.shapes import Shape
from edge.panel.shapes_jobs import JobWhole
from edge.store.atomic import explain_os, new_file

_log = log.get(__name__)
MAX_FILE_BYTES = 4 << 20


class Process(Shape):
    """pid alone may be anybody's by now; with the kernel's ticks at its start it is that very process (proc(5))."""

    pid: Annotated[int, Field(ge=2)]
    started_ticks: Annotated[int, Field(ge=0)]


class Kept(Shape):
    job: JobWhole
    process: Process | None = None


def path_of(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.json"


def keep(folder: Path, job: JobWhole, process: Process | None) -> None:
    """StoreError or StoreFull; what was kept before stays then."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os(error, folder) from error
    with new_file(path_of(folder, job.id)) as path:
        path.write_text(Kept(job=job, process=process).model_dump_json(), encoding="utf-8")


def load(folder: Path) -> Iterator[Kept]:
    """Oldest first. What cannot be read is told in the log and left out."""
    for path in sorted(folder.glob("*.json")):
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError("it is too large")
            yield Kept.model_validate_json(path.read_bytes())
        except (OSError, ValueError, ValidationError) as error:
            _log.warning("%s is no job of ours and is left out: %s", path, error)


def process_of(pid: int) -> Process | None:
    """None when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return Process(pid=pid, started_ticks=int(stat.rpartition(b")")[2].split()[19]))


def end_left_over(process: Process | None) -> None:
    """Kill it and its children, if it is still there. It leads its own process group."""
    if process is not None and process_of(process.pid) == process:
        _log.warning("a job of the panel before still ran (process %d): it is killed", process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
