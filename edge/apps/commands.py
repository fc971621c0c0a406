"""The command line for people: help, options, progress. Services start by the short way in `edge.cli`.

Each command imports what it needs when it is called, so that `edge --help` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge import __version__
from edge.apps.calibrate import calibrate
from edge.apps.learning.commands import learning
from edge.apps.teach.commands import teach
from edge.errors import EXIT_OK, EXIT_USAGE

_typer = typer.Typer(
    name="edge",
    help="Quality inspection on the device: every part judged, nothing passes unjudged.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_typer.add_typer(learning)
_typer.add_typer(calibrate)
_typer.command()(teach)


@_typer.callback(invoke_without_command=True)
def _top(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(f"edge {__version__}")
        raise typer.Exit(EXIT_OK)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_USAGE)


@_typer.command()
def demo(
    seconds: Annotated[float, typer.Option(help="Stop by itself after so many seconds of parts; 0: at Ctrl-C.")] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed brings the same parts.")] = 1,
    rate: Annotated[float, typer.Option(help="Parts a minute, 10 to 600.")] = 300.0,
    product: Annotated[str, typer.Option(help="biscuit, ring or carton.")] = "biscuit",
    travel_ms: Annotated[float, typer.Option(help="From the sensor to the gate.")] = 800.0,
    port: Annotated[int, typer.Option(help="Where the panel listens, on this machine only.")] = 8080,
    language: Annotated[str, typer.Option(help="The panel's first language: vi or en.")] = "vi",
    folder: Annotated[Path | None, typer.Option(help="Where the station lives; default data/demo.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Without the panel.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """A virtual line, every service and the panel on this machine. Needs no hardware."""
    from edge import log
    from edge.apps.demo.demo import DemoOptions
    from edge.apps.demo.demo import run as run_demo
    from edge.service import Stop

    options = DemoOptions(
        seconds=seconds, seed=seed, headless=headless, as_json=as_json, rate_per_min=rate, product=product, port=port,
        language=language, travel_ms=travel_ms, folder=folder,
    )  # fmt: skip
    log.setup("demo", "WARNING")
    stop = Stop()
    stop.install()
    raise typer.Exit(run_demo(options, stop))


@_typer.command()
def run(
    station: Annotated[Path, typer.Option(help="The station file.")] = Path("station.toml"),
) -> None:
    """Every service of a station on this machine, started again when one dies."""
    from edge import log
    from edge.apps.run import run as run_station
    from edge.clock import SystemClock
    from edge.service import FileLock, Stop, private_directory
    from edge.settings.station import load

    loaded = load(station)
    log.setup("run", loaded.log_level)
    lock = FileLock(private_directory(loaded.run_dir) / "run.lock")
    lock.acquire("edge run of this station")
    stop = Stop()
    stop.install()
    try:
        run_station(loaded, station, stop, SystemClock())
    finally:
        lock.release()


@_typer.command()
def bench(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; figures are medians over them.")] = 5,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUP", help="Only transport, pipeline, latency, line, memory, start or teach; may be repeated."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: shows that it works, not how fast.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure this machine side by side: frames, chain, latency, line under load, memory, start, teaching."""
    import json

    from rich.console import Console

    from edge import log
    from edge.apps.bench import table
    from edge.apps.bench.bench import BenchOptions
    from edge.apps.bench.bench import run as run_bench

    log.setup("bench", "WARNING")
    options = BenchOptions(rounds=rounds, only=tuple(only or ()), quick=quick)
    figures = run_bench(options, lambda words: typer.echo(words, err=True))
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        table.show(figures, Console())


@_typer.command()
def inspect(
    source: Annotated[Path, typer.Argument(help="A recorded video, a folder of images, or one image.")],
    recipe: Annotated[str, typer.Option(help="A recipe's file, or NAME@VERSION of the station's database.")],
    station: Annotated[Path | None, typer.Option(help="Station file: camera, light barrier, database, models.")] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of model packages; default: beside the recipe.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which view, where the recipe has several.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for images, results.csv and .json.")] = None,
    every_frame: Annotated[bool, typer.Option("--every-frame", help="Every frame of the video is a part.")] = False,
    barrier: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the light barrier, as in axis=y.")] = None,
    language: Annotated[str, typer.Option(help="Words of the reasons: en or vi.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Judge recorded media with a recipe: one line per part. Exit code 0: all OK, 1: at least one is not."""
    import json
    import os

    # Before OpenCV is loaded: damage in a file is told in our words, the decoders' own would only stand between them.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.apps.inspect import inspect as inspecting
    from edge.apps.inspect.screen import PlainScreen
    from edge.apps.inspect.words import InspectWords
    from edge.clock import SystemClock
    from edge.service import Stop
    from edge.settings import station as stations

    log.setup("inspect", "WARNING")
    words, stop = InspectWords(language), Stop()
    stop.install()
    request = inspecting.Request(
        source=source,
        recipe=recipe,
        station=stations.load(station) if station else None,
        models=models,
        camera=camera,
        out=out,
        every_frame=every_frame,
        barrier=barrier or (),
    )
    screen = PlainScreen(words, stop, lines=not as_json)
    with screen.shown(source.name):
        outcome = inspecting.run(request, words, screen, SystemClock(), stop)
    if as_json:
        typer.echo(json.dumps(outcome.report, ensure_ascii=False))
    if outcome.incomplete is not None:
        raise outcome.incomplete
    raise typer.Exit(outcome.exit_code)


@_typer.command()
def evaluate(
    model: Annotated[
        Path, typer.Argument(help="A model package (folder or .zip), a recipe's file, or what teach made.")
    ],
    source: Annotated[Path, typer.Argument(help="Folder with test/good, test/KIND and perhaps ground_truth/KIND.")],
    out: Annotated[Path | None, typer.Option(help="New folder for report.html and report.json.")] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of a recipe's packages; default: beside it.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which view, where the recipe has several.")] = None,
    language: Annotated[str, typer.Option(help="Words of the report: en or vi.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    progress: Annotated[bool, typer.Option("--progress", help="JSON lines on stderr say how far it has come.")] = False,
) -> None:
    """Try a detector on parts whose answer is known: AUROC, AU-PRO, false rejects, escapes, latency, worst misses."""
    import json
    import os

    # Before numpy and OpenCV are loaded, as for teach and inspect.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

    from edge import log
    from edge.apps.evaluate import evaluate as evaluating
    from edge.apps.evaluate.words import EvaluateWords
    from edge.apps.progress import progress_shown
    from edge.clock import SystemClock
    from edge.service import Stop

    log.setup("evaluate", "WARNING")
    words, stop = EvaluateWords(language), Stop()
    stop.install()
    request = evaluating.Request(model=model, source=source, models=models, camera=camera, out=out)
    with progress_shown(progress) as step:
        outcome = evaluating.run(request, words, step, SystemClock(), stop)
    typer.echo(json.dumps(outcome.report, ensure_ascii=False) if as_json else "\n".join(outcome.lines))
    if outcome.incomplete is not None:
        raise outcome.incomplete


def app(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. EdgeError goes through to `edge.cli`."""
    try:
        _typer(args=list(arguments), prog_name="edge")
    except SystemExit as ended:  # typer says wrong use itself, and how it ends this way
        return int(ended.code or EXIT_OK)
    return EXIT_OK
