"""`edge learning kinds ...` for people: options and progress, as in `edge.apps.learning.commands`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from edge.settings.station import Station

kinds = typer.Typer(name="kinds", help="Name the kinds of defects, from reviewed examples.", no_args_is_help=True)

_Model = Annotated[Path, typer.Argument(help="A taught package (folder or .zip), or what teach made.")]
_Recipe = Annotated[Path | None, typer.Option(help="Recipe file that uses the model; default: the one beside it.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Progress = Annotated[bool, typer.Option("--progress", help="JSON lines on stderr say how far it has come.")]


class _Said(Protocol):
    def report(self) -> dict[str, Any]: ...
    def lines(self) -> list[str]: ...


@kinds.command()
def teach(
    model: _Model,
    out: Annotated[Path, typer.Option(help="The file of kinds; one that is there is replaced.")],
    labelled: Annotated[Path | None, typer.Option(help="Folder with test/KIND (and masks): known defects.")] = None,
    station: Annotated[
        Path | None, typer.Option(help="Station file: its parts whose defect a person has named.")
    ] = None,
    recipe: _Recipe = None,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Learn what each kind of defect looks like, from 3 examples of each on."""
    its = _set_up("kinds-teach", station)

    from edge.apps.learning.kinds import teach as teaching
    from edge.apps.progress import Steps, progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    request = teaching.Request(model=model, recipe=recipe, labelled=labelled, station=its, out=out)
    with progress_shown(progress) as step:
        outcome = teaching.run(request, Steps(step, SystemClock(), stop))
    _say(outcome, as_json)


@kinds.command()
def name(
    file: Annotated[Path, typer.Argument(metavar="KINDS", help="The file that kinds teach made.")],
    station: Annotated[Path | None, typer.Option(help="Station file: its last stopped parts are named.")] = None,
    last: Annotated[int, typer.Option(min=1, max=2000, help="How many of them.")] = 200,
    pictures: Annotated[Path | None, typer.Option(help="Folder of pictures of defective parts instead.")] = None,
    model: Annotated[Path | None, typer.Option(help="The detector that looks at those pictures.")] = None,
    recipe: _Recipe = None,
    as_json: _Json = False,
    progress: _Progress = False,
) -> None:
    """Say what the defects of stopped parts are called; `unknown` when unsure. Changes no verdict."""
    its = _set_up("kinds-name", station)

    from edge.apps.learning.kinds import name as naming
    from edge.apps.progress import Steps, progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    stop = Stop()
    stop.install()
    request = naming.Request(kinds=file, station=its, last=last, pictures=pictures, model=model, recipe=recipe)
    clock = SystemClock()
    with progress_shown(progress) as step:
        outcome = naming.run(request, Steps(step, clock, stop), clock)
    _say(outcome, as_json)


def _say(outcome: _Said, as_json: bool) -> None:
    typer.echo(json.dumps(outcome.report(), ensure_ascii=False) if as_json else "\n".join(outcome.lines()))


def _set_up(command: str, station: Path | None) -> Station | None:
    # Before numpy and OpenCV are loaded, as for teach and inspect.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.settings import station as stations

    log.setup(command, "WARNING")
    return stations.load(station) if station else None
