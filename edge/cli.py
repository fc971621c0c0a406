"""The command line. Services take a short way in that imports nothing they do not need (memory, start-up time).

Exit codes: 0 fine, 1 the answer is no, 2 wrong use, 3 an error with its hint.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import EXIT_ERROR, EXIT_USAGE, EdgeError, UsageError
from edge.service import Notifier, Stop

SERVICES = ("line", "capture", "inference", "recorder", "panel")
_DEFAULT_STATION = Path("station.toml")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in SERVICES and not {"--help", "-h"} & set(arguments):
            return _serve(arguments[0], arguments[1:])
        from edge.apps.commands import app  # the whole command line, with its help and progress bars

        return app(arguments)
    except EdgeError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_ERROR
    except Exception:  # noqa: BLE001 - the boundary: a defect of ours must not look like the answer "no" (1)
        traceback.print_exc()
        print("edge: unexpected error; please report the lines above", file=sys.stderr)
        return EXIT_ERROR


def complain(error: EdgeError) -> None:
    print(f"edge: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"      {error.hint}", file=sys.stderr)


def _serve(name: str, arguments: list[str]) -> int:
    """One service until it is told to stop."""
    from edge import log, service
    from edge.settings import station as stations

    die_with_parent()
    station_file, rest = _take_station(arguments)
    wanted = 1 if name == "capture" else 0
    if len(rest) != wanted or any(word.startswith("-") for word in rest):
        usage = f"edge {name} {'CAMERA ' if wanted else ''}[--station FILE]"
        raise UsageError(f"edge {name}: cannot use {' '.join(rest) or 'nothing'}", hint=usage)
    station = stations.load(station_file)
    body = _body(name)
    label = f"{name}-{rest[0]}" if rest else name
    log.setup(label, station.log_level)
    return service.run(lambda stop, notifier: body(station, rest, stop, notifier))


def _take_station(arguments: list[str]) -> tuple[Path, list[str]]:
    rest = list(arguments)
    if "--station" not in rest:
        return _DEFAULT_STATION, rest
    place = rest.index("--station")
    if place + 1 >= len(rest):
        raise UsageError("--station needs a file", hint="edge line --station station.toml")
    path = Path(rest[place + 1])
    del rest[place : place + 2]
    return path, rest


def _body(name: str) -> Callable[..., None]:
    """The service's main, wrapped to one shape: (station, words, stop, notifier). Imported only when asked for."""

    def body(station: object, words: list[str], stop: Stop, notifier: Notifier) -> None:
        import importlib

        module = importlib.import_module(f"edge.{name}.service")
        module.main(station, *words, stop, notifier)

    return body


def die_with_parent() -> None:
    """Under `edge run`, end when it ends, however it ends (prctl(2), PR_SET_PDEATHSIG)."""
    import os

    if os.environ.get("EDGE_SUPERVISED") != "1":
        return
    import ctypes
    import signal

    parent = os.getppid()
    pr_set_pdeathsig = 1
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0) != 0 or parent == 1:
        raise SystemExit(EXIT_USAGE)


if __name__ == "__main__":
    raise SystemExit(main())
