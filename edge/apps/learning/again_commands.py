"""`edge learning stale`, `reteach`, `refresh` for people: options and progress, as in `edge.apps.learning.commands`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from edge.settings.station import Station

_Taught = Annotated[Path, typer.Argument(help="What edge teach or correct made: package, recipe and pictures.")]
_Recipe = Annotated[
    str | None, typer.Option(help="Changed recipe: a file, or NAME@VERSION of the station; default: the one beside.")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Progress = Annotated[bool, typer.Option("--progress", help="JSON lines on stderr say how far it has come.")]
_Last = Annotated[int, typer.Option(min=1, max=10_000, help="How many stored parts of the station are judged again.")]
_Names = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A known defect that may pass; may be repeated.")
]


class _Said(Protocol):
    @property
    def exit_code(self) -> int: ...
    def report(self) -> dict[str, Any]: ...
    def lines(self) -> list[str]: ...


def stale(
    taught: _Taught,
    recipe: _Recipe = None,
    station: Annotated[Path | None, typer.Option(help="Station file: its camera and calibration of today.")] = None,
    as_json: _Json = False,
) -> None:
    """Tell whether crop, locator, calibration or camera have changed since. Exit code 1: it must be taught again."""
    its = _set_up("stale", station)

    from edge.apps.learning import stale as looking

    _say(looking.run(taught, recipe, its), as_json)


def reteach(
    taught: _Taught,
    by: Annotated[str, typer.Option(help="Who wants it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    recipe: _Recipe = None,
    station: Annotated[Path | None, typer.Option(help="Station file: its camera of today, its stored parts.")] = None,
    labelled: Annotated[Path | None, typer.Option(help="Folder with test/good and test/KIND: known parts.")] = None,
    last: _Last = 200,
    out: Annotated[Path | None, typer.Option(help="New folder; default ./NAME@VERSION.")] = None,
    as_version: Annotated[int, typer.Option(min=0, help="Number of the new version; 0: the next.")] = 0,
    accept_lost: _Names = None,
    accept_stopped: Annotated[bool, typer.Option("--accept-stopped", help="Take more false rejects.")] = False,
    accept_missing: Annotated[
        bool, typer.Option("--accept-missing", help="Go on without pictures that cannot be used.")
    ] = False,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Teach the next version from the kept raw pictures; show the difference. Exit code 1: a defect would be lost."""
    its = _set_up("reteach", station)

    from edge.apps.learning import reteach as again
    from edge.apps.learning.cases import Wanted
    from edge.apps.learning.raw import judges_parts
    from edge.apps.progress import progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    stored = its if its and judges_parts(its) else None
    request = again.Request(
        package=taught, by=by, reason=reason, recipe=recipe, station=its, out=out, version=as_version or None,
        wanted=Wanted(labelled=labelled, station=stored, last=last), accept_lost=tuple(accept_lost or ()),
        accept_stopped=accept_stopped, accept_missing=accept_missing,
    )  # fmt: skip
    with progress_shown(progress) as step:
        outcome = again.run(request, step, SystemClock(), stop)
    if outcome.refused:
        _complain(outcome.refused, "nothing was written; see the report")
    _say(outcome, as_json)


def refresh(
    station: Annotated[Path, typer.Option(help="The station file.")],
    by: Annotated[str, typer.Option(help="Who wants it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    last: _Last = 200,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Teach again all that this station has taught and looks at in another way now. Nothing becomes active by it."""
    its = _set_up("refresh", station)
    assert its is not None

    from edge.apps.learning import refresh as refreshing
    from edge.apps.progress import progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    with progress_shown(progress) as step:
        outcome = refreshing.run(
            its, by=by, reason=reason, last=last, step=step, clock=SystemClock(), stop=stop
        )  # fmt: skip
    for message, hint in outcome.complaints:
        _complain(message, hint)
    _say(outcome, as_json)


def _say(outcome: _Said, as_json: bool) -> None:
    typer.echo(json.dumps(outcome.report(), ensure_ascii=False) if as_json else "\n".join(outcome.lines()))
    raise typer.Exit(outcome.exit_code)


def _complain(message: str, hint: str) -> None:
    """On stderr, as errors are told: a job's last words."""
    typer.echo(f"edge: {message}\n      {hint}", err=True)


def _set_up(command: str, station: Path | None) -> Station | None:
    # Before numpy and OpenCV are loaded, as for teach and inspect.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.settings import station as stations

    log.setup(command, "WARNING")
    return stations.load(station) if station else None
