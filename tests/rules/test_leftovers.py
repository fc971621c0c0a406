"""The check that nothing is left running can itself fail."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from tests import leftovers

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_finds_a_child_and_a_grandchild(tmp_path: Path) -> None:
    before = leftovers.take()
    program = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    with subprocess.Popen([sys.executable, "-c", program + "print(flush=True); time.sleep(60)"], stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        leaked = leftovers.wait_gone(before, grace_s=0)
        leftovers.end(leftovers.take().pids - before.pids)
    assert len(leaked) == 2
    assert f"process {child.pid}" in leaked[0] + leaked[1]
    assert leftovers.wait_gone(before) == []


def test_what_a_process_of_before_starts_is_its_own_until_it_ends() -> None:
    """As a browser of a module's fixture does: it is the fixture's to end."""
    starts = "p = subprocess.Popen([sys.executable, '-c', 'input()']); print(p.pid, flush=True); p.wait()"
    program = f"import subprocess, sys; input(); {starts}"
    outside = leftovers.take()
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1) as browser:
        assert browser.stdin is not None
        assert browser.stdout is not None
        before = leftovers.take()
        browser.stdin.write(b"\n")
        browser.stdin.flush()
        pid = int(browser.stdout.readline())
        assert leftovers.wait_gone(before, grace_s=0) == []
        assert f"process {pid}" in " ".join(leftovers.wait_gone(outside, grace_s=0))
        leftovers.end(leftovers.take().pids - outside.pids)
    assert leftovers.wait_gone(outside) == []


def test_finds_a_thread_and_waits_for_one_that_is_ending() -> None:
    before = leftovers.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    leaked = leftovers.wait_gone(before, grace_s=0)
    threading.Timer(0.1, stop.set).start()
    assert leaked == ["thread forgotten"]
    assert leftovers.wait_gone(before) == []
    thread.join()


def test_finds_a_ring_of_this_session_only(tmp_path: Path, station: str) -> None:
    before = leftovers.take(tmp_path)
    other = leftovers.station_prefix(os.getpid() + 1)
    for name in (station, other):
        (tmp_path / f"edge-{name}-cam0-1.ring").touch()
    assert leftovers.wait_gone(before, tmp_path, grace_s=0) == [f"shared memory {tmp_path}/edge-{station}-cam0-1.ring"]


def test_finds_a_process_whose_parent_died() -> None:
    session = f"{os.getpid()}-orphan"
    env = {**os.environ, leftovers.SESSION_VARIABLE: session}
    program = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=env, check=True)
    pids = leftovers.orphans(session)
    leftovers.end(pids)
    assert len(pids) == 1
