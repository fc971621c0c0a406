"""A folder of images: every image is a part, whatever state it is in; what comes out of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from edge.domain.part import PartId
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, SourceError, StoreError, UsageError
from edge.service import Stop
from tests.unit.apps.inspect.bench import Notes, run, write_picture, write_recipe
from tests.unit.inference import made


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "recipe")


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """MVTec layout: 3 good, 2 spotted, 1 doubtful, a training picture and a mask that must not be judged."""
    folder = tmp_path / "stills"
    for number in (1, 2, 10):
        write_picture(folder / f"test/good/{number}.png", made.level(40 + number))
    for number in (1, 2):
        write_picture(folder / f"test/spot/{number}.png", made.with_spot(16, 24, 8, ground=30 + number))
    write_picture(folder / "test/stain/1.png", made.level(120))
    write_picture(folder / "train/good/1.png", made.level(41))
    write_picture(folder / "ground_truth/spot/1_mask.png", made.level(255))
    (folder / "test/good/notes.txt").write_text("seen by Lan")
    return folder


def test_every_picture_is_a_part_in_natural_order(stills: Path, recipe: Path) -> None:
    screen = Notes()
    outcome = run(stills, recipe, screen=screen)
    assert [part.name for part in screen.parts] == [
        *("good/1.png", "good/2.png", "good/10.png", "spot/1.png", "spot/2.png", "stain/1.png")
    ]
    assert [part.verdict.value for part in screen.parts] == ["OK", "OK", "OK", "NG", "NG", "UNSURE"]
    assert [str(part.result.part) for part in screen.parts[:2]] == ["inspect/1/1", "inspect/1/2"]
    assert screen.parts[3].result.part == PartId(station="inspect", epoch=1, n=4)
    assert screen.seen[-1] == (6, 6)
    assert outcome.exit_code == EXIT_NO


def test_the_summary_counts_by_verdict_reason_and_group(stills: Path, recipe: Path) -> None:
    summary = run(stills, recipe).summary
    assert summary.verdicts == {"OK": 3, "NG": 2, "UNSURE": 1, "NOT_INSPECTED": 0}
    assert summary.reasons == {"anomaly": 2, "anomaly_unsure": 1}
    assert summary.groups["spot"] == {"OK": 0, "NG": 2, "UNSURE": 0, "NOT_INSPECTED": 0}
    assert summary.auroc == {"surface": 1.0}
    assert summary.passed_over == 1
    assert summary.latency_ms.p50 is not None


def test_all_ok_is_exit_code_0(stills: Path, recipe: Path) -> None:
    outcome = run(stills / "test" / "good", recipe)
    assert (outcome.exit_code, outcome.summary.parts, outcome.summary.groups) == (EXIT_OK, 3, {})


def test_one_image_is_one_part(stills: Path, recipe: Path) -> None:
    outcome = run(stills / "test" / "spot" / "1.png", recipe)
    assert (outcome.exit_code, outcome.summary.verdicts["NG"]) == (EXIT_NO, 1)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "link"])
def test_an_unreadable_picture_is_not_inspected_and_the_run_goes_on(
    tmp_path: Path, stills: Path, recipe: Path, damage: str
) -> None:
    bad = stills / "test/good/3.jpg"
    if damage == "cut":
        whole = cv2.imencode(".jpg", made.level(40))[1].tobytes()
        bad.write_bytes(whole[:-10])
    elif damage == "link":
        bad.symlink_to(tmp_path / "gone.jpg")
    else:
        bad.write_bytes(b"" if damage == "empty" else b"not a picture")
    screen = Notes()
    outcome = run(stills / "test" / "good", recipe, screen=screen, out=tmp_path / "out")
    assert [part.verdict.value for part in screen.parts] == ["OK", "OK", "NOT_INSPECTED", "OK"]
    assert [reason.code.value for reason in screen.parts[2].result.reasons] == ["unreadable"]
    assert outcome.exit_code == EXIT_NO
    assert screen.parts[2].image == ""


def test_a_picture_of_another_size_is_not_inspected(tmp_path: Path, stills: Path) -> None:
    recipe = write_recipe(tmp_path / "strict", frame=(made.SIDE, made.SIDE))
    write_picture(stills / "test/good/3.png", made.level(40, 32))
    outcome = run(stills / "test" / "good", recipe)
    assert outcome.summary.reasons == {"bad_frame": 1}
    assert outcome.summary.verdicts["OK"] == 3


def test_a_folder_without_pictures(tmp_path: Path, recipe: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(SourceError, match="no pictures"):
        run(tmp_path / "bare", recipe, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there(tmp_path: Path, recipe: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        run(tmp_path / "gone", recipe)


def test_out_holds_pictures_and_tables_that_agree(tmp_path: Path, stills: Path, recipe: Path) -> None:
    outcome = run(stills, recipe, out=tmp_path / "out", language="vi")
    kept = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(outcome.report))
    with open(tmp_path / "out/results.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == [part["verdict"] for part in kept["parts"]]
    assert [row["group"] for row in rows] == ["good"] * 3 + ["spot"] * 2 + ["stain"]
    assert "điểm" in rows[3]["reason_words"]
    assert (rows[3]["check"], float(rows[3]["score"]), float(rows[3]["ng_from"])) == ("surface", 250.0, 150.0)
    for row in rows:
        picture = cv2.imread(str(tmp_path / "out" / row["image"]))
        assert picture is not None
        assert picture.shape[1] == made.SIDE
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_the_same_words_as_the_panel_in_both_languages(stills: Path, recipe: Path) -> None:
    reasons = [
        run(stills, recipe, language=language).report["parts"][3]["reasons"][0]["words"] for language in ("en", "vi")
    ]
    assert reasons[0] == "Looks different from good parts"
    assert reasons[1] != reasons[0]
    with pytest.raises(UsageError, match="no words in 'de'"):
        run(stills, recipe, language="de")


def test_out_is_never_mixed_with_what_is_there(tmp_path: Path, stills: Path, recipe: Path) -> None:
    (tmp_path / "out").mkdir()
    run(stills, recipe, out=tmp_path / "out")  # an empty folder is fine
    with pytest.raises(UsageError, match="not empty"):
        run(stills, recipe, out=tmp_path / "out")
    with pytest.raises(UsageError, match="lies inside"):
        run(stills, recipe, out=stills / "out")


def test_out_that_cannot_be_written(tmp_path: Path, stills: Path, recipe: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        run(stills, recipe, out=tmp_path / "file" / "out")


def test_interrupted_keeps_what_was_judged(tmp_path: Path, stills: Path, recipe: Path) -> None:
    stop = Stop()
    outcome = run(stills, recipe, stop=stop, screen=Notes(stop, stop_after=2), out=tmp_path / "out")
    assert (outcome.exit_code, outcome.summary.parts, outcome.summary.complete) == (EXIT_ERROR, 2, False)
    assert outcome.incomplete is not None
    assert "interrupted after 2 parts" in outcome.incomplete.message
    assert len(json.loads((tmp_path / "out/results.json").read_text())["parts"]) == 2
