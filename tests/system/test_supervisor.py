"""`edge run`'s supervisor on real processes: what dies or stands still is started again; nothing outlives it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.apps.run import Supervisor, Unit
from edge.clock import SystemClock

pytestmark = pytest.mark.system

# A unit that says it is ready and alive, as a service's loop does.
_BEATER = """
import sys, time
from edge.service import Notifier, Stop
stop, notifier = Stop(), Notifier.from_environment()
stop.install()
notifier.ready()
while not stop.wait(0.05):
    notifier.alive()
"""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Unit, ...]:
    (tmp_path / "beater.py").write_text(_BEATER)
    (tmp_path / "failing.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return (Unit(name="beater", arguments=(), module="beater", watchdog_s=0.5),)


@pytest.fixture
def supervisor(run_dir: Path, units: tuple[Unit, ...]) -> Iterator[Supervisor]:
    supervisor = Supervisor(run_dir, units, SystemClock())
    yield supervisor
    supervisor.close()


def turn_until(supervisor: Supervisor, true: Callable[[], bool], within_s: float = 10.0) -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        supervisor.turn()


def test_a_killed_unit_comes_back(supervisor: Supervisor) -> None:
    turn_until(supervisor, lambda: supervisor.all_ready)
    first = supervisor.pid("beater")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    turn_until(supervisor, lambda: supervisor.restarts == 1 and supervisor.all_ready)
    assert supervisor.pid("beater") not in (None, first)


def test_a_frozen_unit_is_killed_and_comes_back(supervisor: Supervisor) -> None:
    turn_until(supervisor, lambda: supervisor.all_ready)
    frozen = supervisor.pid("beater")
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    turn_until(supervisor, lambda: supervisor.restarts == 1 and supervisor.all_ready)
    assert not Path(f"/proc/{frozen}").exists()


def test_close_ends_even_a_frozen_unit(supervisor: Supervisor) -> None:
    turn_until(supervisor, lambda: supervisor.all_ready)
    pid = supervisor.pid("beater")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    supervisor.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_unit_that_keeps_failing_is_not_started_in_a_rush(run_dir: Path, units: tuple[Unit, ...]) -> None:
    del units
    supervisor = Supervisor(run_dir, [Unit(name="failing", arguments=(), module="failing")], SystemClock())
    try:
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            supervisor.turn()
        assert 2 <= supervisor.restarts <= 6
    finally:
        supervisor.close()
