"""The demo from the first process to the summary, with a stand-in for the services."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.apps.demo.demo import account, frames_of, watch
from edge.apps.demo.faults import Round, Watcher
from edge.apps.demo.plant import Feed, Plant
from edge.apps.demo.strikes import Progress, Strike
from edge.apps.demo.summary import Summary
from edge.apps.run import Unit
from edge.bus.sockets import Bus
from edge.clock import SystemClock
from edge.errors import ServiceError
from edge.service import Stop
from tests.system.stand_in_line import SEED

pytestmark = pytest.mark.system
PARTS = 24


@pytest.fixture
def station_file(tmp_path: Path, run_dir: Path, station: str) -> Path:
    (tmp_path / "data").mkdir()
    file = tmp_path / "station.toml"
    file.write_text(
        f'name = "{station}"\ndata_dir = "data"\nrun_dir = "{run_dir}"\n'
        "[line]\nsafe_ms = 110\nheartbeat_ms = 20\nmax_travel_ms = 1000\n"
        '[[camera]]\nname = "top"\nkind = "virtual"\nwidth = 800\nheight = 600\ntriggered = true\n'
    )
    return file


def units_for(station_file: Path, lie: int) -> tuple[Unit, ...]:
    arguments = (str(station_file), str(lie))
    return (Unit(name="line", module="tests.system.stand_in_line", arguments=arguments, watchdog_s=1.0),)


def run_demo(station_file: Path, lie: int) -> Summary:
    clock, stop = SystemClock(), Stop()
    feed = Feed(product="biscuit", seed=SEED, rate_per_min=300, parts=PARTS)
    plant = Plant(station_file, feed, clock, stop, headless=True, units=units_for(station_file, lie))
    try:
        plant.start()
        plant.begin("biscuit", 1, "lot-1")
        assert watch(plant, 60 * PARTS / 300, clock, stop)
        frames, restarts = frames_of(plant), plant.supervisor.restarts
    finally:
        plant.close()
    return account(plant, frames, restarts)


def test_accounts_that_agree_pass(station_file: Path) -> None:
    summary = run_demo(station_file, lie=0)
    assert summary.findings == ()
    assert summary.passed
    assert (summary.parts, summary.unaccounted, summary.unfinished) == (PARTS, 0, 0)
    assert summary.verdicts["OK"] == summary.truth["good"]
    assert summary.gate.fired >= summary.truth["defective"] > 0  # a stall of a busy machine rejects more
    assert summary.frames["captured"] == PARTS
    assert summary.seed == SEED


def test_a_gate_that_does_not_do_what_the_ledger_says_fails(station_file: Path) -> None:
    summary = run_demo(station_file, lie=5)
    assert not summary.passed
    assert summary.gate.wrong > 0
    assert "part 5" in summary.findings[0]


def test_strikes_are_survived_or_told(station_file: Path, run_dir: Path) -> None:
    """The kill programme itself: a kill, a short freeze and one that the watchdog ends."""
    clock, stop, progress = SystemClock(), Stop(), Progress(seed=1)
    plant = Plant(station_file, Feed(product="biscuit", seed=SEED, rate_per_min=300), clock, stop, headless=True,
                  units=units_for(station_file, 0))  # fmt: skip
    plan = [Strike(process="line", wait_s=0.3), Strike(process="line", wait_s=0.3, freeze_s=0.2)]
    plan.append(Strike(process="line", wait_s=0.3, freeze_s=2.0))
    try:
        plant.start()
        plant.begin("biscuit", 1, "lot-1")
        with Bus(run_dir) as bus:
            Round(plant, Watcher(bus), clock, stop, rested_s=0.0).run(plan, progress)
        plant.machine("finish")
        assert watch(plant, 30.0, clock, stop)
        restarts = plant.supervisor.restarts
    finally:
        plant.close()
    summary = account(plant, {}, restarts)
    assert summary.findings == ()
    assert restarts == summary.outages == 2
    assert progress.struck == {"line": {"kill": 1, "freeze": 2}}
    assert len(progress.recovery_ms) == 3
    assert progress.passed


def test_a_virtual_line_that_cannot_start_is_named_and_nothing_is_left(station_file: Path) -> None:
    text = station_file.read_text().replace("height = 600", "height = 500")
    station_file.write_text(text)
    plant = Plant(station_file, Feed(product="biscuit", seed=1, rate_per_min=300), SystemClock(), Stop(), headless=True)
    begun = time.monotonic()
    with pytest.raises(ServiceError, match="virtual line ended"):
        plant.start()
    plant.close()
    assert time.monotonic() - begun < 15
