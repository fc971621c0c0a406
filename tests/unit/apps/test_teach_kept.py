"""What `edge teach` keeps to be taught with once more; and that calling it off, at any step, leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE
from edge.learning.backbone import FAST
from edge.learning.teach_record import TeachRecord, teach_record
from edge.store.atomic import UNFINISHED
from edge.store.packages import open_package
from tests.unit.learning import made

QUICK = ["--backbone", FAST, "--size", "128"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirteen good pictures (fewer are seen again a little moved, which takes longer), one of them twice."""
    good = tmp_path / "plates"
    good.mkdir()
    for number in range(11):
        cv2.imwrite(str(good / f"plate {number}.png"), made.good(number))
    cv2.imwrite(str(good / "plate 11.BMP"), made.good(11))
    (good / "twice.png").write_bytes((good / "plate 3.png").read_bytes())
    return good


def teach(*words: str) -> int:
    return main(["teach", "--name", "plate", *QUICK, *words])


def record_in(out: Path) -> TeachRecord:
    record = teach_record(open_package(out / "package"))
    assert record is not None
    return record


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_picture_is_kept_byte_for_byte_and_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert teach(str(folder), "--out", str(out), "--rate", "0.05", "--json") == EXIT_OK
    report, record = told(capsys), record_in(out)
    assert [one.name for one in record.pictures] == [
        *(f"plate {n}.png" for n in range(11)),
        "plate 11.BMP",
        "twice.png",
    ]
    for one in record.pictures:
        data = (folder / one.name).read_bytes()
        assert (out / "pictures" / one.file).read_bytes() == data
        assert (one.sha256, one.width, one.height) == (hashlib.sha256(data).hexdigest(), made.WIDTH, made.HEIGHT)
    assert names(out / "pictures") == sorted({one.file for one in record.pictures})
    assert len(names(out / "pictures")) == 12  # what came twice is kept once
    choices = record.choices
    assert (choices.rate, choices.side_px, choices.backbone, choices.camera) == (0.05, 128, FAST, "top")
    assert (choices.frame_width, choices.input_width) == (made.WIDTH, report["input"][0])
    assert list(report["step_seconds"]) == ["reading", "looking", "learning", "checking", "writing"]
    assert all(took > 0 for took in report["step_seconds"].values())
    assert "seconds | reading " in (out / "package" / "CARD.md").read_text()


def test_taught_again_without_one_and_with_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = made.scratched(30)
    cv2.imwrite(str(folder / "zz.png"), spoilt)
    first, second, third, fourth = (tmp_path / name for name in ("1", "2", "3", "4"))
    assert teach(str(folder), "--out", str(first), "--rate", "0.1", "--json") == EXIT_OK
    assert told(capsys)["suspects"] == ["zz.png"]
    assert teach("--again", str(first), "--leave-out", "zz.png", "--out", str(second), "--json") == EXIT_OK
    without = told(capsys)
    assert (without["pictures"], without["left_out"], without["suspects"]) == (13, ["zz.png"], [])
    kept, before = record_in(second), record_in(first)
    assert kept.choices == before.choices
    assert [one.sha256 for one in kept.pictures] == [one.sha256 for one in before.pictures]
    assert names(second / "pictures") == names(first / "pictures")  # what was left out is not lost

    words = ["--take-in", "zz.png", "--confirm", "zz.png", "--out", str(third), "--json"]
    assert teach("--again", str(second), *words) == EXIT_OK
    confirmed = told(capsys)
    assert (confirmed["pictures"], confirmed["suspects"], confirmed["left_out"]) == (14, [], [])
    assert confirmed["unsure_from"] > without["unsure_from"]  # it counts in the limits now
    assert teach("--again", str(third), "--out", str(fourth), "--json") == EXIT_OK
    assert told(capsys)["suspects"] == []  # and is remembered


def test_a_kept_picture_that_was_altered_or_lost_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert teach(str(folder), "--out", str(out)) == EXIT_OK
    one = record_in(out).pictures[2]
    cv2.imwrite(str(out / "pictures" / one.file), made.good(50))
    assert teach("--again", str(out), "--out", str(tmp_path / "new")) == EXIT_ERROR
    assert "plate 2.png is not the picture it was" in capsys.readouterr().err
    (out / "pictures" / one.file).unlink()
    assert teach("--again", str(out), "--out", str(tmp_path / "new")) == EXIT_ERROR
    assert "cannot be read" in capsys.readouterr().err
    assert teach("--again", str(out), "--leave-out", "x.png", "--out", str(tmp_path / "new")) == EXIT_USAGE
    assert teach("--again", str(folder), "--out", str(tmp_path / "new")) == EXIT_ERROR
    assert teach(str(folder), "--again", str(out), "--out", str(tmp_path / "new")) == EXIT_USAGE
    assert teach("--out", str(tmp_path / "new")) == EXIT_USAGE
    most = [word for n in range(11) for word in ("--leave-out", f"plate {n}.png")]
    assert teach(str(folder), *most, "--out", str(tmp_path / "new")) == EXIT_ERROR
    assert "2 pictures are left" in capsys.readouterr().err
    assert names(tmp_path) == ["out", "plates"]


def start(folder: Path, out: Path, root: Path) -> subprocess.Popen[str]:
    words = ["teach", str(folder), "--name", "plate", "--out", str(out), "--progress", *QUICK]
    command = [sys.executable, "-m", "edge.cli", *words]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(job: subprocess.Popen[str], step: str) -> None:
    assert job.stderr is not None
    for line in job.stderr:
        if line.startswith("{") and json.loads(line)["step"] == step:
            return
    pytest.fail(f"{step} never came")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """So many that no step is over at once."""
    good = tmp_path / "plates"
    good.mkdir()
    for number in range(40):
        cv2.imwrite(str(good / f"{number}.png"), made.good(number))
    return good


@pytest.mark.parametrize(
    ("step", "how", "out"),
    [
        ("reading", signal.SIGINT, "new/out"),
        ("looking", signal.SIGTERM, "out.zip"),
        ("learning", signal.SIGTERM, "new/out"),
        ("checking", signal.SIGINT, "out.zip"),
    ],
)
def test_calling_it_off_leaves_nothing(many: Path, tmp_path: Path, root: Path, step: str, how: int, out: str) -> None:
    with start(many, tmp_path / out, root) as job:
        wait_for(job, step)
        job.send_signal(how)
        said, complaint = job.communicate(timeout=60)
    assert (job.returncode, said) == (EXIT_ERROR, "")
    assert "interrupted; nothing was written" in complaint
    assert names(tmp_path) == ["plates"]


def test_a_kill_leaves_an_unfinished_folder_that_the_next_run_removes(many: Path, tmp_path: Path, root: Path) -> None:
    for step in ("looking", "writing"):
        with start(many, tmp_path / "out", root) as job:
            wait_for(job, step)
            job.kill()
        assert not (tmp_path / "out").exists()
        left = [name for name in names(tmp_path) if name.startswith(UNFINISHED)]
        assert len(left) == 1  # that of the run before has gone
    with start(many, tmp_path / "out", root) as job:
        said, complaint = job.communicate(timeout=100)
    assert job.returncode == EXIT_OK, complaint
    assert "taught with 40 pictures" in said
    assert names(tmp_path) == ["out", "plates"]
    assert len(names(tmp_path / "out" / "pictures")) == 40


def test_black_is_named_wherever_it_comes_from(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first"
    black = folder / "zz.png"
    cv2.imwrite(str(black), np.zeros((made.HEIGHT, made.WIDTH, 3), np.uint8))
    assert teach(str(folder), "--out", str(first)) == EXIT_ERROR
    assert "zz.png is black" in capsys.readouterr().err
    assert teach(str(folder), "--leave-out", "zz.png", "--out", str(first)) == EXIT_OK
    assert teach("--again", str(first), "--take-in", "zz.png", "--out", str(tmp_path / "second")) == EXIT_ERROR
    assert "zz.png is black" in capsys.readouterr().err
    assert names(tmp_path) == ["first", "plates"]
