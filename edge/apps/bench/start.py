"""How long it takes from starting every service of a station to its first verdict on a part."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from edge.apps.bench.busy import free_port
from edge.apps.bench.chain import Subject
from edge.apps.bench.rig import Rig, make_station
from edge.clock import SECOND, SystemClock


def measure(subject: Subject, rounds: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Line, capture, inference, recorder and panel, each time from nothing; the mode RUN is asked for at once."""
    clock = SystemClock()
    folder: Path = subject.folder / "start"
    file = make_station(folder, [subject.trials["light"]], subject.options, clock, free_port())
    taken_s = []
    for _ in range(rounds):
        rig = Rig(file, subject.frames, clock, panel=True)
        try:
            rig.run("light")
            rig.first()
            taken_s.append(round((clock.now_ns() - rig.started_ns) / SECOND, 3))
        finally:
            rig.close()
    return {"first_verdict_s": round(statistics.median(taken_s), 3)}, {"rounds_s": taken_s}
