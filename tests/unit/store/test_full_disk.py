"""Promise 7 for real: a disk that is full, in a process and a mount namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def _kinds() -> list[str]:
    """A limit on file sizes always; a real tmpfs where this user may mount one."""
    try:
        may_mount = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        may_mount = False
    return ["limit", "tmpfs"] if may_mount else ["limit"]


@pytest.mark.parametrize("kind", _kinds())
def test_commits_go_on_from_the_reserve_and_then_end_cleanly(tmp_path: Path, root: Path, kind: str) -> None:
    child = [sys.executable, "-m", "tests.unit.store.full_disk_child", str(tmp_path), kind]
    command = child if kind == "limit" else [*_NAMESPACE, *child]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["before"] is True
    assert said["while_pinned"] == said["recorded_after"] > 100  # the log's own room
    assert said["out_of_reserve"] > 3000  # 7 MiB of 8: one eighth is kept for parts in flight
    assert said["left"] is False
    assert said["topped_up_full"] is False
    assert "ledger.db" in said["message"]
    assert "free space" in said["hint"]
    assert said["closed_by_restart"] == 50
    assert said["left_after_restart"] is False
    assert said["topped_up_free"] is True
    assert said["reserve_back"] is True
    assert said["left_again"] is True
    assert said["missing"] == 0
    assert said["problems"] == []
