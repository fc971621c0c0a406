"""anomalib's PatchCore with a ResNet-18, taught once: `PYTHON fit_anomalib.py FOLDER OUT [--untrained]`.

Started by `compare_anomalib` with the Python that anomalib is installed in. It imports nothing of edge: the two need
not share an environment. Prints one JSON object as its last line.

Input 256 x 256, layers 2 and 3, 10 % of the patches in the coreset, batches of 32: anomalib's own choices, but that
pictures are read in the same process. No test and no validation pictures: all that are there are taught with.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of good pictures")
    parser.add_argument("out", type=Path, help="where its checkpoint goes")
    parser.add_argument("--untrained", action="store_true", help="weights by chance, where none can be fetched")
    chosen = parser.parse_args()
    print(json.dumps(fit(chosen.folder, chosen.out, chosen.untrained)))


def fit(folder: Path, out: Path, untrained: bool) -> dict[str, Any]:
    """seconds: of `Engine.fit` alone. cpu_s: of all its threads. entries: patches in its bank."""
    from anomalib.data import Folder
    from anomalib.engine import Engine
    from anomalib.models import Patchcore

    model = Patchcore(
        backbone="resnet18",
        layers=("layer2", "layer3"),
        pre_trained=not untrained,
        coreset_sampling_ratio=0.1,
        evaluator=False,
        visualizer=False,
    )
    data = Folder(
        name="compare",
        normal_dir=folder.resolve(),
        num_workers=0,
        test_split_mode="none",
        val_split_mode="none",
    )
    engine = Engine(
        default_root_dir=out, logger=False, accelerator="cpu", limit_val_batches=0, enable_progress_bar=False
    )
    started_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
    engine.fit(model=model, datamodule=data)
    return {
        "seconds": (time.monotonic_ns() - started_ns) / 1e9,
        "cpu_s": (time.process_time_ns() - cpu_ns) / 1e9,
        "entries": len(model.model.memory_bank),
        "anomalib": version("anomalib"),
    }


if __name__ == "__main__":
    main()
