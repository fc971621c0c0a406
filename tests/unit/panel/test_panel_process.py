"""What `edge panel` builds: it starts before all others, sees when a part of it has died, and ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.errors import ServiceError
from edge.panel.service import Panel
from edge.settings.station import Station


def station(folder: Path, run_dir: Path) -> Station:
    camera = {"name": "top", "kind": "virtual", "width": 64, "height": 48}
    return Station.model_validate({"name": "s1", "data_dir": folder, "run_dir": run_dir, "camera": [camera]})


def test_it_runs_alone_and_tells_its_queues(tmp_path: Path, run_dir: Path) -> None:
    panel = Panel(station(tmp_path, run_dir), SystemClock())
    panel.start()
    try:
        give_up = time.monotonic() + 20
        while "panel" not in panel.watch.snapshot.services:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        panel.check()
        own = panel.watch.snapshot.services["panel"].status
        assert [queue.name for queue in own.queues][-3:] == ["asks", "viewers", "jobs"]
        assert own.counters["asked"] == 0
        with panel.live.viewer():
            time.sleep(0.3)  # without a ledger, without a ring
            panel.check()
    finally:
        panel.close()


def test_a_dead_thread_is_seen(tmp_path: Path, run_dir: Path) -> None:
    panel = Panel(station(tmp_path, run_dir), SystemClock())
    panel.start()
    panel.check()
    panel.live.close()
    with pytest.raises(ServiceError, match="live feed has ended"):
        panel.check()
    panel.close()
