"""A disk that fills up under a running line: images go first, then everything is rejected, then it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(280)]


def test_no_ok_without_a_record_and_back_to_work_when_there_is_room(tmp_path: Path, root: Path) -> None:
    if os.geteuid() != 0:
        pytest.fail("this test mounts a tmpfs: run make test as root")
    command = ["unshare", "--mount", sys.executable, "-m", "tests.system.full_disk_trial", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=260)
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout)
    assert said["findings"] == []
    assert said["passed"] is True
    assert said["unaccounted"] == 0
    assert said["went_on"] > 0  # images are shed, verdicts are not
    assert said["missed"] > 0  # and that is counted
    assert "ledger_full" in said["reasons"]
    assert "ledger_full" in said["alarms"]
    assert said["outages"] >= 2  # the start, and the time without room
    assert said["ok_after"] > 0
    assert said["restarts"] == 0
