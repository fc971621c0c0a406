"""The command line for people: help, options, progress. Services start by the short way in `edge.cli`.

Each command imports what it needs when it is called, so that `edge --help` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
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
