"""The command line as a person meets it: one clear sentence, a hint, the right exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

_STATION = """
name = "test"
data_dir = "data"
run_dir = "run"
[[camera]]
name = "top"
kind = "folder"
width = 64
height = 48
"""


def edge(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *words], capture_output=True, text=True, cwd=cwd, timeout=60, check=False
    )


def test_version(tmp_path: Path) -> None:
    done = edge("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.startswith("edge ")) == (0, True)


def test_a_missing_station_file(tmp_path: Path) -> None:
    for words in (("line",), ("recorder",), ("inference",), ("panel",), ("capture", "top")):
        done = edge(*words, cwd=tmp_path)
        assert done.returncode == 3
        assert "station.toml cannot be read" in done.stderr
        assert "--station" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("width = 64", 'width = "wide"'), "width"),
        (('name = "top"', 'name = "../top"'), "name"),
        (('kind = "folder"', 'kind = "magic"'), "kind"),
        (("height = 48", "height = 48\ncolour = 1"), "colour"),
        (("[[camera]]", "[[camera"), "not TOML"),
    ],
)
def test_an_unreadable_station_file(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    (tmp_path / "station.toml").write_text(_STATION.replace(*change))
    done = edge("recorder", cwd=tmp_path)
    assert done.returncode == 3
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_words(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(_STATION)
    for words in (("capture",), ("recorder", "--faster"), ("recorder", "--station"), ("line", "top"), ("dance",)):
        done = edge(*words, cwd=tmp_path)
        assert done.returncode == 2, (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_camera_that_is_not_in_the_station_file(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(_STATION)
    done = edge("capture", "side", cwd=tmp_path)
    assert done.returncode == 3
    assert "there is no camera 'side'" in done.stderr
    assert "known: top" in done.stderr
