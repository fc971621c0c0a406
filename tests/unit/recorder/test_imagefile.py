"""A killed writer leaves no half picture under a final name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from edge.recorder.imagefile import UNFINISHED, ImageFolder

_SIZE = 3_000_000
_CHILD = f"""
import sys
from pathlib import Path
from edge.recorder.imagefile import ImageFolder
folder = ImageFolder(Path(sys.argv[1]))
folder.prepare()
for n in range(10**6):
    folder.write(f"2026-01-01/-/{{n % 20}}.jpg", bytes([n % 256]) * {_SIZE}, b'{{"width":1,"height":1}}')
    if n == 0:
        print("writing", flush=True)
"""


def test_sigkill_leaves_only_whole_pictures(tmp_path: Path) -> None:
    for delay_s in (0.01, 0.037, 0.083):
        with subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay_s)
            child.send_signal(signal.SIGKILL)
        pictures = list(tmp_path.glob("2026-01-01/-/*.jpg"))
        assert pictures
        assert {path.stat().st_size for path in pictures} == {_SIZE}
        assert all(path.with_suffix(".json").exists() for path in pictures)
    ImageFolder(tmp_path).prepare()
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_empty_folders_go_with_the_last_picture(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path)
    folder.prepare()
    folder.write("2026-01-01/L1/a.jpg", b"x", b"{}")
    folder.remove("2026-01-01/L1/a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
