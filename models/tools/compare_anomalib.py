"""`edge teach` beside anomalib's PatchCore with a ResNet-18, on the same folder of good pictures, in one run:
`python -m models.tools.compare_anomalib DIR [--anomalib PYTHON] [--untrained] [--rounds 3] [--threads 2] [--json]`.

For whoever has anomalib installed; edge does not need it, and the two need not share an environment: PYTHON is the one
that anomalib is installed in. Run with anomalib 2.7.0, lightning 2.6.6 and torch 2.14.1 on a processor.

Both take turns, each in a process of its own with so many threads. `edge teach` is timed from reading the pictures to
the package and its recipe on disk, with all its choices left to itself. anomalib is timed for `Engine.fit` alone (see
`fit_anomalib`): imports, the network's weights and export are not counted, no picture is kept back, nothing is
validated. That is in its favour. --untrained leaves its network as chance made it, where no weights can be fetched:
what it learns is of no use then, and takes as long, for the sizes are the same.

Seconds by the clock depend on what else the machine does; seconds of the processor hardly do. Those of `edge teach` are
of its whole process, from the start of Python on.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.apps.teach.pictures import good_pictures
from edge.errors import EXIT_OK, EdgeError, ServiceError

RUN_WITH = "2.7.0"
_INSTALL = f"python -m venv VENV && VENV/bin/pip install anomalib=={RUN_WITH}, then --anomalib VENV/bin/python"
_WITHIN_S = 3600.0  # of one side's turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One side's: by the clock, and of the processor."""

    seconds: float
    cpu_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models.tools.compare_anomalib",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, help="folder of good pictures, or an MVTec layout")
    parser.add_argument("--anomalib", type=Path, default=Path(sys.executable), help="the Python that has anomalib")
    parser.add_argument("--untrained", action="store_true", help="its network's weights by chance")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; figures are medians over them")
    parser.add_argument("--threads", type=int, default=2, help="of the processor, for each side")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    chosen = parser.parse_args(arguments)
    if min(chosen.rounds, chosen.threads) < 1:
        parser.error("rounds and threads must be 1 at least")
    try:
        require_anomalib(chosen.anomalib)
        found = compare(chosen.source, chosen.anomalib, chosen.rounds, chosen.threads, untrained=chosen.untrained)
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found) if chosen.json else "\n".join(lines(found)))
    return EXIT_OK


def require_anomalib(python: Path) -> None:
    """ServiceError, with the lines that install it, when this Python has none."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('anomalib') is None)"
    try:
        done = subprocess.run([python, "-c", look], check=False, timeout=60)
    except OSError as error:
        raise ServiceError(f"{python} cannot be started: {error.strerror}", hint=_INSTALL) from error
    if done.returncode != 0:
        raise ServiceError(f"anomalib is not installed for {python}", hint=f"beside edge, not on a device: {_INSTALL}")


def compare(source: Path, anomalib: Path, rounds: int, threads: int, *, untrained: bool = False) -> dict[str, Any]:
    """Both, in turns. UsageError or SourceError for the folder, ServiceError when a side fails."""
    pictures = good_pictures(source)
    folder = pictures[0].parent.resolve()
    script = str(Path(__file__).with_name("fit_anomalib.py"))
    edge: list[Turn] = []
    theirs: list[Turn] = []
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory(prefix="edge-compare-") as work:
            teach = [sys.executable, "-m", "edge.cli", "teach", str(folder), "--name", "compare"]
            edge.append(_turn([*teach, "--out", f"{work}/edge", "--threads", str(threads), "--json"], threads))
            fit = [str(anomalib), script, str(folder), f"{work}/anomalib", *(["--untrained"] if untrained else [])]
            theirs.append(_turn(fit, threads))
        print(f"round {number}: edge {edge[-1]}, anomalib {theirs[-1]}", file=sys.stderr, flush=True)
    return report(len(pictures), threads, edge, theirs, untrained=untrained)


def report(
    pictures: int, threads: int, edge: Sequence[Turn], anomalib: Sequence[Turn], *, untrained: bool
) -> dict[str, Any]:
    """The JSON object of `--json`. *_over_edge: medians of the rounds' ratios."""
    pairs = list(zip(edge, anomalib, strict=True))
    ratios = [theirs.seconds / ours.seconds for ours, theirs in pairs]
    of_cpu = [theirs.cpu_s / ours.cpu_s for ours, theirs in pairs]
    return {
        "pictures": pictures,
        "threads": threads,
        "anomalib_trained": not untrained,
        "edge_s": round(statistics.median(one.seconds for one in edge), 3),
        "anomalib_s": round(statistics.median(one.seconds for one in anomalib), 3),
        "anomalib_over_edge": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "cpu": {
            "edge_s": round(statistics.median(one.cpu_s for one in edge), 3),
            "anomalib_s": round(statistics.median(one.cpu_s for one in anomalib), 3),
            "anomalib_over_edge": round(statistics.median(of_cpu), 2),
        },
        "rounds": {"edge_s": [one.seconds for one in edge], "anomalib_s": [one.seconds for one in anomalib]},
        "load": os.getloadavg()[1],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The same in words."""
    low, high = found["spread"]
    untrained = [] if found["anomalib_trained"] else ["anomalib's network is untrained: its time counts, not its model"]
    return [
        f"{found['pictures']} pictures, {found['threads']} threads, {len(found['rounds']['edge_s'])} rounds in turns",
        f"edge teach, pictures to package:                    {found['edge_s']:9.2f} s",
        f"anomalib PatchCore ResNet-18, pictures to checkpoint: {found['anomalib_s']:7.2f} s",
        f"edge teach is {found['anomalib_over_edge']:.1f} times as fast ({low:.1f} to {high:.1f})",
        f"by processor time it takes {found['cpu']['anomalib_over_edge']:.1f} times less",
        *untrained,
    ]


def _turn(command: Sequence[str], threads: int) -> Turn:
    """What the process says of itself in the last line on its stdout. Libraries may print before."""
    number = str(threads)
    environment = os.environ | {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number, "MKL_NUM_THREADS": number}
    began = os.times()
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, timeout=_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{command[0]} took more than {_WITHIN_S:.0f} s") from error
    ended = os.times()
    if done.returncode != 0 or not done.stdout.strip():
        raise ServiceError(f"{' '.join(command[:3])} ended with {done.returncode}", hint="see its messages above")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    whole_s = ended.children_user - began.children_user + ended.children_system - began.children_system
    return Turn(seconds=float(told["seconds"]), cpu_s=float(told.get("cpu_s", whole_s)))


if __name__ == "__main__":
    sys.exit(main())
