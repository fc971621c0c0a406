"""`edge teach` for people: options and progress. What is needed is imported when it is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from edge.apps.teach.collected import While


def teach(
    name: Annotated[str, typer.Option(help="Of the new model and recipe.")],
    source: Annotated[
        Path | None, typer.Argument(help="Folder of pictures of good parts, or an MVTec layout (train/good).")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, max=999_999_999, help="Of the new model; default 1, or the station's next.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New folder, or a .zip for the model; default ./NAME.")] = None,
    station: Annotated[
        Path | None, typer.Option(help="Station file: its stored parts (or --live); its version and place.")
    ] = None,
    lot: Annotated[str | None, typer.Option(help="Of the station: parts of this lot only.")] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="Of the station: how many stored parts.")] = 100,
    confirmed: Annotated[bool, typer.Option("--confirmed", help="Only parts that a person called OK.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Collect parts from the running line.")] = False,
    count: Annotated[int, typer.Option(help="Of --live: how many parts.")] = 30,
    what: Annotated[
        While, typer.Option("--while", help="Of --live: parts are rejected, or pass with the lot on hold.")
    ] = While.REJECT,
    minutes: Annotated[float, typer.Option(help="Of --live: to wait at most.")] = 30.0,
    by: Annotated[str, typer.Option(help="Of --live: who asks the line.")] = "",
    reason: Annotated[str, typer.Option(help="Of --live: why.")] = "",
    again: Annotated[Path | None, typer.Option(help="What teach made before: its kept pictures once more.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Picture not to teach with.")] = None,
    take_in: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Of --again: left out no more.")] = None,
    confirm: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Odd picture of a good part.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe whose locator is used; default: whole.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which view, where the recipe has several.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="efficientnet-lite2, or -lite0: faster, a little less sure.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=64, max=1024, help="Side of the model's input, px; default 256.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Share of good parts that may be stopped; default 0.002.")] = None,
    int8: Annotated[bool | None, typer.Option("--int8/--fp32", help="The bank in whole numbers; default fp32.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Of the processor.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    progress: Annotated[bool, typer.Option("--progress", help="JSON lines on stderr say how far it has come.")] = False,
) -> None:
    """Teach a detector from pictures of good parts: a model package and a recipe that `edge inspect` judges with."""
    # Before numpy is loaded: its threads spin, and cost more than they give beside any other work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(threads))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.apps.progress import progress_shown
    from edge.apps.teach import sources
    from edge.apps.teach import teach as teaching
    from edge.clock import SystemClock
    from edge.service import Stop
    from edge.settings import station as stations

    log.setup("teach", "WARNING")
    clock, stop = SystemClock(), Stop()
    stop.install()
    loaded = stations.load(station) if station else None
    ways = sources.Ways(
        folder=source, again=again, station=loaded, lot=lot, last=last, confirmed=confirmed, live=live, count=count,
        what=what, minutes=minutes, by=by, reason=reason, recipe=recipe, camera=camera, back=tuple(take_in or ()),
    )  # fmt: skip
    number, usual = sources.place(loaded, name, version)
    request = teaching.Request(
        source=ways.source(clock, stop), name=name, version=number, out=out or usual, backbone=backbone, side_px=size,
        rate=rate, int8=int8, threads=threads, leave_out=tuple(leave_out or ()), confirm=tuple(confirm or ()),
        station=loaded,
    )  # fmt: skip
    with progress_shown(progress) as step:
        outcome = teaching.run(request, step, clock, stop)
    typer.echo(json.dumps(outcome.report(), ensure_ascii=False) if as_json else "\n".join(outcome.lines()))
