"""`edge learning stale`, `reteach`, `refresh`: another look, the same pictures, and the difference shown."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EXIT_USAGE
from edge.learning.memory_file import taught_memory
from edge.learning.teach_record import teach_record
from edge.store.packages import open_package
from tests.unit.apps import plates
from tests.unit.learning import made

CROP = {"x": 20, "y": 0, "width": 120, "height": 128}
LOOKS_AWAY = {"x": 0, "y": 0, "width": 160, "height": 64}  # above the spot


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plates.teach(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def corrected(taught: Path) -> Path:
    return plates.correct(taught)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return dict(json.loads(out))


def reteach(package: Path, out: Path, *more: str) -> int:
    return main(["learning", "reteach", str(package), "--out", str(out), *plates.WHO, "--json", *more])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_was_taught_so_is_not_stale(corrected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learning", "stale", str(corrected), "--json"]) == EXIT_OK
    assert told(capsys) == {"model": "plate@2", "stale": False, "changes": [], "missing": []}


def test_another_crop_or_camera_is_told(corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crop = plates.changed(corrected, tmp_path / "crop.json", region=CROP)
    half = plates.station(tmp_path, 80, 64)
    words = ["learning", "stale", str(corrected), "--recipe", str(crop), "--station", str(half)]
    assert main([*words, "--json"]) == EXIT_NO
    found = told(capsys)
    assert found["changes"] == [
        {"what": "region", "was": "-", "now": "20,0,120,128"},
        {"what": "frame", "was": "160 x 128", "now": "80 x 64"},
    ]
    assert main(words) == EXIT_NO
    assert "plate@2 must be taught again" in capsys.readouterr().out


def test_another_crop_is_taught_and_corrected_again(
    taught: Path, corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = open_package(corrected / "package")
    for number in range(3):
        plates.put(tmp_path / "known" / "test" / "good" / f"{number}.png", made.good(100 + number))
    plates.put(tmp_path / "known" / "test" / "scratch" / "1.png", made.scratched(60))
    crop = plates.changed(corrected, tmp_path / "crop.json", region=CROP)
    words = ["--recipe", str(crop), "--labelled", str(tmp_path / "known")]
    assert reteach(corrected, tmp_path / "new", *words) == EXIT_OK
    found = told(capsys)
    assert (found["accepted"], found["model"], found["parent"]) == (True, "plate@3", "plate@2")
    assert found["changes"] == [{"what": "region", "was": "-", "now": "20,0,120,128"}]
    assert (found["pictures"], found["corrected"]) == (plates.COUNT, ["stain.png", "spot.png", "usual.png"])
    assert found["missing"] == found["altered"] == found["not_found"] == []
    assert found["before"]["input"] != found["after"]["input"]
    assert found["before"]["unsure_from"] != found["after"]["unsure_from"]
    assert (found["before"]["auroc"], found["after"]["auroc"]) == (1.0, 1.0)
    assert (found["replay"]["seen"], found["replay"]["lost"], found["replay"]["stopped"]) == (7, [], [])
    assert (found["replay"]["samples"], found["replay"]["flipped"]) == (1, [])
    assert json.loads((tmp_path / "new" / "report.json").read_bytes()) == found
    new = open_package(tmp_path / "new" / "package")
    memory = taught_memory(new)
    assert [(one.name, one.defect, one.limit, one.version) for one in memory.known] == [
        ("stain.png", False, False, 2), ("spot.png", True, False, 2), ("usual.png", False, True, 2)
    ]  # fmt: skip
    assert memory.known[1].place == Rect(**plates.SPOT)
    assert memory.vetoes
    assert set(memory.vetoes.parts) == {1}
    assert [one.version for one in memory.corrections] == [2, 3]
    last = memory.corrections[-1]
    assert (last.parent, last.parent_digest, last.by) == ("plate@2", before.digest, "An")
    assert last.retaught == ("region: - -> 20,0,120,128",)
    assert names(tmp_path / "new" / "pictures") == names(corrected / "pictures")
    assert len(names(corrected / "pictures")) == plates.COUNT + 3
    recipe = recipes.load((tmp_path / "new" / "recipe.json").read_bytes())
    check = recipe.views[0].checks[0]
    assert (recipe.version, check.model, check.model_digest) == (3, "plate@3", new.model_digest)
    assert check.region == Rect(**CROP)
    assert (check.unsure_from, check.ng_from) == (new.manifest.unsure_from, new.manifest.ng_from)
    assert "- region: - -> 20,0,120,128" in (tmp_path / "new" / "package" / "CARD.md").read_text()
    assert open_package(corrected / "package").digest == before.digest
    assert main(["learning", "stale", str(tmp_path / "new")]) == EXIT_OK


def test_a_defect_that_the_crop_leaves_out_is_lost_only_by_name(
    corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crop = plates.changed(corrected, tmp_path / "away.json", region=LOOKS_AWAY)
    assert reteach(corrected, tmp_path / "new", "--recipe", str(crop)) == EXIT_NO
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["accepted"], found["package"], found["replay"]["lost"]) == (False, None, ["kept/spot.png"])
    assert captured.err.startswith("edge: known defects would pass: kept/spot.png\n")
    assert names(tmp_path) == {"away.json"}
    words = ["--recipe", str(crop), "--accept-lost", "kept/spot.png"]
    assert reteach(corrected, tmp_path / "new", *words) == EXIT_OK
    found = told(capsys)
    assert found["notes"] == ["marked defects are not in the model's picture any more: spot.png"]
    memory = taught_memory(open_package(tmp_path / "new" / "package"))
    assert (len(memory.known), memory.corrections[-1].accepted) == (3, ("kept/spot.png",))


def test_a_limit_sample_is_never_let_go(corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = plates.changed(corrected, tmp_path / "strict.json", unsure_from=0.1, ng_from=0.2)
    words = ["--recipe", str(strict), "--accept-stopped", "--accept-lost", "kept/usual.png"]
    assert reteach(corrected, tmp_path / "new", *words) == EXIT_NO
    found = json.loads(capsys.readouterr().out)
    assert found["refused"] == "limit samples would be judged otherwise: kept/usual.png"
    assert names(tmp_path) == {"strict.json"}


def test_pictures_that_cannot_be_used_are_named(
    corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(corrected, tmp_path / "plate")
    record = teach_record(open_package(corrected / "package"))
    assert record is not None
    first, second = record.pictures[:2]
    (tmp_path / "plate" / "pictures" / first.file).unlink()
    (tmp_path / "plate" / "pictures" / second.file).write_bytes(b"something else")
    assert main(["learning", "stale", str(tmp_path / "plate"), "--json"]) == EXIT_OK
    assert told(capsys)["missing"] == [first.name]
    assert reteach(tmp_path / "plate", tmp_path / "new") == EXIT_ERROR
    said = capsys.readouterr().err
    assert f"2 of the kept pictures cannot be used; missing: {first.name}; altered: {second.name}" in said
    assert names(tmp_path) == {"plate"}
    assert reteach(tmp_path / "plate", tmp_path / "new", "--accept-missing") == EXIT_OK
    found = told(capsys)
    assert (found["missing"], found["altered"]) == ([first.name], [second.name])
    assert found["pictures"] == plates.COUNT - 2
    again = teach_record(open_package(tmp_path / "new" / "package"))
    assert again is not None
    assert {one.file for one in again.pictures} <= names(tmp_path / "new" / "pictures")
    assert not {first.file, second.file} & names(tmp_path / "new" / "pictures")


def test_a_camera_that_gives_smaller_frames(
    corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = plates.station(tmp_path / "hall", 80, 64)
    assert reteach(corrected, tmp_path / "new", "--station", str(half)) == EXIT_OK
    found = told(capsys)
    assert found["changes"] == [{"what": "frame", "was": "160 x 128", "now": "80 x 64"}]
    assert "pictures of 160 x 128 px were scaled" in found["notes"][0]
    view = recipes.load((tmp_path / "new" / "recipe.json").read_bytes()).views[0]
    assert (view.frame_width, view.frame_height) == (80, 64)
    assert view.locate.search == Rect(x=0, y=0, width=80, height=64)
    words = ["learning", "stale", str(tmp_path / "new"), "--station", str(half)]
    assert main(words) == EXIT_OK
    square = plates.station(tmp_path / "other", 128, 128)
    assert reteach(corrected, tmp_path / "third", "--station", str(square)) == EXIT_NO
    assert "they show another field of view" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def test_limits_that_a_person_moved_move_again(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    its = open_package(taught / "package").manifest
    limits = {"unsure_from": 0.8 * its.unsure_from, "ng_from": its.ng_from}
    stricter = plates.changed(taught, tmp_path / "stricter.json", view={"camera": "side"}, **limits)
    assert reteach(taught, tmp_path / "new", "--recipe", str(stricter)) == EXIT_OK
    found = told(capsys)
    assert found["changes"] == [{"what": "camera", "was": "top", "now": "side"}]
    assert found["notes"][0].startswith("the kept pictures are of the camera as it was")
    assert found["notes"][1].startswith(
        "people had moved the limits UNSURE and NG to 80 % and 100 % of what was taught"
    )
    assert found["limits_moved"] == [pytest.approx(0.8, abs=1e-3), 1.0]
    assert found["after"]["unsure_from"] == pytest.approx(limits["unsure_from"], abs=2e-3)
    assert found["after"]["ng_from"] == pytest.approx(its.ng_from, abs=2e-3)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--reason", ""], EXIT_USAGE, "--reason must say something"),
        (["--recipe", "gone.json"], EXIT_USAGE, "the recipe gone.json cannot be read"),
        (["--labelled", "gone"], EXIT_USAGE, "there is no folder gone"),
    ],
)
def test_what_cannot_be_asked_leaves_nothing(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:  # fmt: skip
    assert reteach(taught, tmp_path / "new", *words) == code
    assert said in capsys.readouterr().err
    assert names(tmp_path) == set()


def test_a_model_without_a_record_is_said(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = Path(__file__).parents[3] / "models" / "demo" / "biscuit"
    assert main(["learning", "stale", str(demo)]) == EXIT_ERROR
    assert "does not say what it was taught with" in capsys.readouterr().err


def test_teaching_anew_forgets_no_correction(
    corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["teach", "--again", str(corrected), "--name", "plate", "--out", str(tmp_path / "new")]) == EXIT_NO
    assert "3 judged parts, which this model was corrected with, would be forgotten" in capsys.readouterr().err
    assert names(tmp_path) == set()


@pytest.mark.system
def test_a_stop_in_the_middle_leaves_nothing(taught: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.cli", "learning", "reteach", str(taught), "--out", str(tmp_path / "new")]
    process = subprocess.Popen(
        [*command, *plates.WHO, "--json", "--progress"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["step"] == "learning":
            break
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (EXIT_ERROR, "")
    assert "interrupted; nothing was written" in err
    assert os.listdir(tmp_path) == []


def test_all_of_a_station_by_itself(corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = plates.station(tmp_path)
    recipe = plates.install(tmp_path, corrected)
    words = ["learning", "refresh", "--station", str(station), *plates.WHO, "--json"]
    assert main(words) == EXIT_OK
    assert told(capsys)["models"] == [
        {"recipe": "plate@1", "model": "plate@2", "stale": False, "changes": [], "ready": "", "made": None,
         "trouble": None}
    ]  # fmt: skip
    view = recipe.views[0]
    check = replace(view.checks[0], region=Rect(**CROP))
    plates.add_recipe(tmp_path, replace(recipe, views=(replace(view, checks=(check,)),)))
    assert main(words) == EXIT_OK
    found = told(capsys)["models"][0]
    assert (found["recipe"], found["stale"], found["made"]["model"]) == ("plate@2", True, "plate@3")
    folder = tmp_path / "data" / "taught" / "plate@3"
    assert names(folder) == {"package", "pictures", "recipe.json", "report.json"}
    assert names(tmp_path / "data" / "models") == {"plate@2", ".lock"}  # nothing is in use by itself
    assert main(words) == EXIT_OK
    found = told(capsys)["models"][0]
    assert (found["made"], found["ready"]) == (None, "plate@3")
    shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "data" / "taught" / "plate@2" / "pictures")
    assert main(words) == EXIT_ERROR
    captured = capsys.readouterr()
    assert "16 of the kept pictures cannot be used" in json.loads(captured.out)["models"][0]["trouble"]["message"]
    assert captured.err.startswith("edge: 16 of the kept pictures cannot be used")
