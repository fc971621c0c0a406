"""The whole line on a disk that fills up, in a mount namespace of its own (test_full_disk.py). Prints JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from edge.apps.demo.virtual_line import TRUTH_NAME
from edge.bus import wire
from edge.domain.verdict import Verdict
from tests.system.trial import Trial, running

SIZE_MB = 40
BALLAST = "ballast"


def fill(folder: Path) -> None:
    """Until not a byte is left."""
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def main(folder: Path, models: Path | None = None) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0700", "tmpfs", str(data)], check=True)
    (data / TRUTH_NAME).symlink_to(folder / TRUTH_NAME)  # the conveyor's own account is not on the station's disk
    # 1 MB of reserve is spent in under a minute; every OK image is wanted, so that there is something to shed.
    settings = (
        ("ledger_reserve_mb = 8", "ledger_reserve_mb = 1"),
        ("budget_mb = 500", "budget_mb = 500\nok_every = 1"),
    )
    with running(folder, rate_per_min=600, settings=settings, models=models) as trial:
        said = _strike(trial, data)
        summary = trial.finish()
    said |= {
        "passed": summary.passed, "findings": summary.findings, "unaccounted": summary.unaccounted,
        "outages": summary.outages, "restarts": summary.restarts, "covered": summary.covered,
    }  # fmt: skip
    json.dump(said, sys.stdout)


def _strike(trial: Trial, data: Path) -> dict[str, object]:
    trial.parts(10)
    fill(data)
    since = len(trial.recorded)
    trial.parts(20)
    went_on = sum(part.verdict is Verdict.OK for part in trial.recorded[since:])
    trial.until(lambda: _missed(trial) > 0, 10.0, "a missed image")
    _write_much(trial)
    trial.until(lambda: not trial.permit(), 60.0, "the end of the reserve")
    recorded_at_end = len(trial.recorded) - since
    reasons = sorted(trial.permit_reasons)
    trial.run_for(3.0)
    os.truncate(data / BALLAST, 0)
    trial.until(trial.permit, 20.0, "the permit after room was made")
    after = len(trial.recorded)
    trial.parts(30)
    return {
        "went_on": went_on, "out_of_reserve": recorded_at_end, "reasons": reasons, "missed": _missed(trial),
        "alarms": sorted(trial.alarms), "ok_after": sum(p.verdict is Verdict.OK for p in trial.recorded[after:]),
    }  # fmt: skip


def _write_much(trial: Trial) -> None:
    """The reserve is good for 2,000 parts; orders with long names use it up sooner."""
    for number in range(6000):
        if not trial.permit():
            return
        trial.plant.order(wire.SetLot(lot=f"lot {number}", by="x" * 200))
        if number % 20 == 0:
            trial.turn()


def _missed(trial: Trial) -> float:
    status = trial.statuses.get("recorder")
    if status is None:
        return 0
    return sum(count for name, count in status.counters.items() if name.startswith(("missed", "shed")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
