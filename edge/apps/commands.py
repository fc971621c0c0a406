"""The command line for people: help, options, progress. Services start by the short way in `edge.cli`.

Each command imports what it needs when it is called, so that `edge --help` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge import __version__
from edge.errors import EXIT_OK, EXIT_USAGE

_typer = typer.Typer(
    name="edge",
    help="Quality inspection on the device: every part judged, nothing passes unjudged.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; figures are medians over them.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure this machine: frames through the ring against a plain copy and the usual ways."""
    import json

    from edge.apps.bench.bench import run as run_bench

    figures = run_bench(rounds, lambda size, method: typer.echo(f"{size} {method}", err=True))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for size, row in figures["transport"].items():
        typer.echo(f"{size:5}" + "".join(f"  {key.removesuffix('_p50_ms')} {value} ms" for key, value in row.items()))


def app(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. EdgeError goes through to `edge.cli`."""
    try:
        _typer(args=list(arguments), prog_name="edge")
    except SystemExit as ended:  # typer says wrong use itself, and how it ends this way
        return int(ended.code or EXIT_OK)
    return EXIT_OK
