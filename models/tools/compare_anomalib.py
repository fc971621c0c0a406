"""`edge teach` beside anomalib's PatchCore with a ResNet-18, on the same folder of good pictures, in one run:
`python -m models.tools.compare_anomalib DIR [--rounds 3] [--threads 2] [--json]`.

For whoever has anomalib installed; edge does not need it. Written against the source of anomalib 2.7.0 (`Folder`,
`Patchcore`, `Engine`) with lightning 2.6, and never run where it was written: neither is installed there. Treat the
first figures with that in mind.

Both take turns, each in a process of its own with so many threads. `edge teach` is timed from reading the pictures to
the package and its recipe on disk, with all its choices left to itself. anomalib is timed for `Engine.fit` alone, from
reading the pictures to its checkpoint on disk: imports, the network's weights (fetched when they are not cached yet)
and export are not counted, no picture is kept back, nothing is validated. That is in its favour. Input 256 x 256,
layers 2 and 3, 10 % of the patches in the coreset, batches of 32: its own choices, but that pictures are read in the
same process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.apps.teach import good_pictures
from edge.errors import EXIT_OK, EdgeError, ServiceError

WRITTEN_AGAINST = "2.7.0"
_INSTALL = f"pip install 'anomalib[cpu]=={WRITTEN_AGAINST}'"
_WITHIN_S = 3600.0  # of one side's turn
_FIT_IN = "--fit-in"  # of a process of this module that runs anomalib once


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models.tools.compare_anomalib",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, help="folder of good pictures, or an MVTec layout")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; figures are medians over them")
    parser.add_argument("--threads", type=int, default=2, help="of the processor, for each side")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(_FIT_IN, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if min(chosen.rounds, chosen.threads) < 1:
        parser.error("rounds and threads must be 1 at least")
    try:
        require_anomalib()
        if chosen.fit_in:
            print(json.dumps({"seconds": _fit(chosen.source, chosen.fit_in)}))
            return EXIT_OK
        found = compare(chosen.source, chosen.rounds, chosen.threads)
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found) if chosen.json else "\n".join(lines(found)))
    return EXIT_OK


def require_anomalib(find: Callable[[str], object | None] = importlib.util.find_spec) -> None:
    """ServiceError, with the line that installs it, when `find` finds no such module."""
    if find("anomalib") is None:
        raise ServiceError("anomalib is not installed", hint=f"beside edge, not on a device: {_INSTALL}")


def compare(source: Path, rounds: int, threads: int) -> dict[str, Any]:
    """Seconds of both, in turns. UsageError or SourceError for the folder, ServiceError when a side fails."""
    pictures = good_pictures(source)
    folder = pictures[0].parent.resolve()
    edge_s: list[float] = []
    anomalib_s: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="edge-compare-") as work:
            teach = ["edge.cli", "teach", str(folder), "--name", "compare", "--out", f"{work}/edge"]
            edge_s.append(_seconds([*teach, "--threads", str(threads), "--json"], threads))
            fit = ["models.tools.compare_anomalib", str(folder), _FIT_IN, f"{work}/anomalib"]
            anomalib_s.append(_seconds(fit, threads))
    return report(len(pictures), threads, edge_s, anomalib_s)


def report(pictures: int, threads: int, edge_s: Sequence[float], anomalib_s: Sequence[float]) -> dict[str, Any]:
    """The JSON object of `--json`. anomalib_over_edge: median of the rounds' ratios."""
    ratios = [theirs / ours for ours, theirs in zip(edge_s, anomalib_s, strict=True)]
    return {
        "pictures": pictures,
        "threads": threads,
        "edge_s": round(statistics.median(edge_s), 3),
        "anomalib_s": round(statistics.median(anomalib_s), 3),
        "anomalib_over_edge": round(statistics.median(ratios), 2),
        "rounds": {"edge_s": list(edge_s), "anomalib_s": list(anomalib_s)},
        "written_against": WRITTEN_AGAINST,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The same in words."""
    return [
        f"{found['pictures']} pictures, {found['threads']} threads, {len(found['rounds']['edge_s'])} rounds in turns",
        f"edge teach, pictures to package:                    {found['edge_s']:9.2f} s",
        f"anomalib PatchCore ResNet-18, pictures to checkpoint: {found['anomalib_s']:7.2f} s",
        f"edge teach is {found['anomalib_over_edge']:.1f} times as fast",
    ]


def _seconds(module: Sequence[str], threads: int) -> float:
    """What the process says of itself in the last line on its stdout. Libraries may print before."""
    number = str(threads)
    environment = os.environ | {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number, "MKL_NUM_THREADS": number}
    command = [sys.executable, "-m", *module]
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, timeout=_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{module[0]} took more than {_WITHIN_S:.0f} s") from error
    if done.returncode != 0 or not done.stdout.strip():
        raise ServiceError(f"{module[0]} ended with {done.returncode}", hint="see its messages above")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def _fit(source: Path, out: Path) -> float:
    """Seconds of anomalib's `Engine.fit`, in this process."""
    from anomalib.data import Folder
    from anomalib.engine import Engine
    from anomalib.models import Patchcore

    model = Patchcore(
        backbone="resnet18",
        layers=("layer2", "layer3"),
        pre_trained=True,
        coreset_sampling_ratio=0.1,
        evaluator=False,
        visualizer=False,
    )
    # No test and no validation pictures: all that are there are taught with, and none is made up.
    data = Folder(
        name="compare",
        normal_dir=source,
        num_workers=0,
        test_split_mode="none",
        val_split_mode="none",
    )
    engine = Engine(
        default_root_dir=out, logger=False, accelerator="cpu", limit_val_batches=0, enable_progress_bar=False
    )
    started_ns = time.monotonic_ns()
    engine.fit(model=model, datamodule=data)
    return (time.monotonic_ns() - started_ns) / 1e9


if __name__ == "__main__":
    sys.exit(main())
