"""`edge learning ...` for people: options and progress. What is needed is imported when a command is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.apps.learning import again_commands
from edge.apps.learning.kinds.commands import kinds

if TYPE_CHECKING:
    from edge.apps.learning.cases import Wanted

learning = typer.Typer(
    name="learning", help="Correct a taught detector; judge known parts again.", no_args_is_help=True
)
for again in (again_commands.stale, again_commands.reteach, again_commands.refresh):
    learning.command()(again)
learning.add_typer(kinds)

_Labelled = Annotated[Path | None, typer.Option(help="Folder with test/good and test/KIND: known parts.")]
_Station = Annotated[Path | None, typer.Option(help="Station file: its last stored parts are judged again.")]
_Last = Annotated[int, typer.Option(min=1, max=10_000, help="How many stored parts of the station.")]
_Recipe = Annotated[Path | None, typer.Option(help="Recipe file that uses the model; default: the one beside it.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Progress = Annotated[bool, typer.Option("--progress", help="JSON lines on stderr say how far it has come.")]


@learning.command()
def correct(
    package: Annotated[Path, typer.Argument(help="A taught package (folder or .zip), or what teach made.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    good: Annotated[list[Path] | None, typer.Option(help="Picture of a good part; may be repeated.")] = None,
    defect: Annotated[
        list[str] | None,
        typer.Option(metavar="PICTURE[@x,y,w,h]", help="Of a defective part, its place in px; may be repeated."),
    ] = None,
    limit_good: Annotated[
        list[Path] | None,
        typer.Option(
            help="Picture of a borderline part that is good for ever: judged again always, never learnt from."
        ),
    ] = None,
    limit_defect: Annotated[
        list[str] | None,
        typer.Option(metavar="PICTURE[@x,y,w,h]", help="The same of one that is defective for ever."),
    ] = None,
    drop_limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A limit sample that goes, for the reason given.")
    ] = None,
    recipe: _Recipe = None,
    out: Annotated[Path | None, typer.Option(help="New folder; default ./NAME@VERSION.")] = None,
    labelled: _Labelled = None,
    station: _Station = None,
    last: _Last = 200,
    accept_lost: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A known defect that may pass; may be repeated.")
    ] = None,
    accept_stopped: Annotated[bool, typer.Option("--accept-stopped", help="Take more false rejects.")] = False,
    as_version: Annotated[int, typer.Option(min=0, help="Number of the new version; 0: the next.")] = 0,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Make the next version of a detector from parts it judged wrongly. Exit code 1: a known defect would be lost."""
    wanted = _set_up("correct", labelled, station, last)

    from edge.apps.learning import correct as correcting
    from edge.apps.learning.source import Given
    from edge.apps.progress import progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    given = Given(
        good=tuple(good or ()), defects=tuple(defect or ()), limit_good=tuple(limit_good or ()),
        limit_defects=tuple(limit_defect or ()),
    )  # fmt: skip
    request = correcting.Request(
        package=package, given=given, drop_limit=tuple(drop_limit or ()), by=by, reason=reason, recipe=recipe, out=out,
        wanted=wanted, accept_lost=tuple(accept_lost or ()),
        accept_stopped=accept_stopped, version=as_version,
    )  # fmt: skip
    with progress_shown(progress) as step:
        outcome = correcting.run(request, step, SystemClock(), stop)
    typer.echo(json.dumps(outcome.report(), ensure_ascii=False) if as_json else "\n".join(outcome.lines()))
    raise typer.Exit(outcome.exit_code)


@learning.command()
def replay(
    model: Annotated[Path, typer.Argument(help="A package (folder or .zip), a recipe, or what teach or correct made.")],
    recipe: _Recipe = None,
    against: Annotated[
        Path | None, typer.Option(help="Another version to compare with; default: what was recorded, and the labels.")
    ] = None,
    labelled: _Labelled = None,
    station: _Station = None,
    last: _Last = 200,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Judge known and stored parts again and show what changes. Exit code 1: a known defect passes."""
    wanted = _set_up("replay", labelled, station, last)

    from edge.apps.learning import replay as replaying
    from edge.apps.progress import progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    request = replaying.Request(model=model, recipe=recipe, against=against, wanted=wanted)
    with progress_shown(progress) as step:
        outcome = replaying.run(request, step, SystemClock(), stop)
    typer.echo(json.dumps(outcome.report(), ensure_ascii=False) if as_json else "\n".join(outcome.lines()))
    raise typer.Exit(outcome.exit_code)


def _set_up(command: str, labelled: Path | None, station: Path | None, last: int) -> Wanted:
    # Before numpy and OpenCV are loaded, as for teach and inspect.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.apps.learning.cases import Wanted
    from edge.settings import station as stations

    log.setup(command, "WARNING")
    return Wanted(labelled=labelled, station=stations.load(station) if station else None, last=last)
