"""`edge learning`: the next version is there whole or not at all, and no known defect is lost silently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.apps.learning import correct as correcting
from edge.apps.learning.source import Given, split_place
from edge.cli import main
from edge.clock import ManualClock, SystemClock
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.verdict import Verdict
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EXIT_USAGE, ServiceError, UsageError
from edge.learning.backbone import FAST
from edge.service import Stop
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from edge.store.packages import open_package, pack
from tests.unit.apps.plates import teach_twelve
from tests.unit.learning import made
from tests.unit.learning.test_correct import spotted, stained
from tests.unit.store.ledger_values import STATION, part_id, record, trigger

WHO = ["--by", "An", "--reason", "seen at the line"]
SPOT = "@73,81,15,15"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `edge teach` made of 12 pictures."""
    return teach_twelve(tmp_path_factory.mktemp("teach"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """stain.png is good, spot.png is not."""
    cv2.imwrite(str(tmp_path / "stain.png"), stained(40))
    cv2.imwrite(str(tmp_path / "spot.png"), spotted(40))
    return tmp_path


@pytest.fixture
def lenient(taught: Path, tmp_path: Path) -> Path:
    """A recipe in whose eyes everything is good but what nobody could miss."""
    told = json.loads((taught / "recipe.json").read_bytes())
    told["views"][0]["checks"][0] |= {"unsure_from": 3.4, "ng_from": 3.6}
    path = tmp_path / "lenient.json"
    path.write_text(json.dumps(told))
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Four good parts and two scratched ones, one of the defects like the stain."""
    for number in range(4):
        _put(tmp_path / "known" / "test" / "good" / f"{number}.png", made.good(100 + number))
    _put(tmp_path / "known" / "test" / "scratch" / "1.png", made.scratched(60))
    _put(tmp_path / "known" / "test" / "stain" / "1.png", stained(40))
    return tmp_path / "known"


def _put(path: Path, picture: made.Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def correct(package: Path, out: Path, *more: str) -> int:
    return main(["learning", "correct", str(package), "--out", str(out), *WHO, *more])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return dict(json.loads(out))


def test_a_new_version_with_its_recipe(taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_package(taught / "package").digest
    out = pictures / "new"
    good, spot = str(pictures / "stain.png"), str(pictures / "spot.png") + SPOT
    assert correct(taught, out, "--good", good, "--defect", spot, "--json") == EXIT_OK
    found = told(capsys)
    assert (found["accepted"], found["model"], found["parent"]) == (True, "plate@2", "plate@1")
    assert [(one["defect"], one["entries"] > 0, one["exemplars"] > 0) for one in found["parts"]] == [
        (False, True, False), (True, False, True)
    ]  # fmt: skip
    assert found["replay"]["lost"] == found["replay"]["stopped"] == []
    assert [one["name"] for one in found["replay"]["changes"]] == ["kept/stain.png"]
    assert found["seconds"] < 60
    new = open_package(out / "package")
    recipe = recipes.load((out / "recipe.json").read_bytes())
    check = recipe.views[0].checks[0]
    assert (check.model, check.model_digest) == ("plate@2", new.model_digest)
    assert (recipe.version, recipe.author, recipe.reason) == (2, "An", "seen at the line")
    assert (check.unsure_from, check.ng_from) == (new.manifest.unsure_from, new.manifest.ng_from)
    assert open_package(taught / "package").digest == before


def test_the_limits_of_the_recipe_count(
    taught: Path, pictures: Path, lenient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = pictures / "new"
    spot = str(pictures / "spot.png") + SPOT
    assert correct(taught / "package", out, "--recipe", str(lenient), "--defect", spot) == EXIT_OK
    said = capsys.readouterr().out
    assert "kept/spot.png (defect): OK -> NG" in said
    assert "plate@2 made in" in said
    assert "if the defect is elsewhere" not in said
    assert main(["learning", "replay", str(out), "--against", str(taught / "package"), "--json"]) == EXIT_OK
    found = told(capsys)
    assert (found["model"], found["against"]) == ("plate@2", "plate@1")


def test_a_lost_defect_is_refused_until_it_is_let_go_by_name(
    taught: Path, pictures: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--good", str(pictures / "stain.png"), "--labelled", str(labelled), "--json"]
    assert correct(taught, pictures / "new", *words) == EXIT_NO
    found = told(capsys)
    assert (found["accepted"], found["package"], found["replay"]["lost"]) == (False, None, ["stain/1.png"])
    assert found["refused"] == "known defects would pass: stain/1.png"
    proposed = found["proposed"]
    assert proposed["unsure_from"] in [row["unsure_from"] for row in proposed["table"]]
    assert {row["good"] for row in proposed["table"]} == {16}
    assert not (pictures / "new").exists()
    assert [path for path in pictures.iterdir() if path.name.startswith(".")] == []
    assert correct(taught, pictures / "new", *words, "--accept-lost", "stain/1.png") == EXIT_OK
    assert told(capsys)["accepted"]
    entry = json.loads((pictures / "new" / "package" / "memory" / "memory.json").read_bytes())["corrections"][0]
    assert entry["accepted"] == ["stain/1.png"]


def test_more_false_rejects_are_not_taken_silently(
    taught: Path, pictures: Path, lenient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (41, 42):
        _put(pictures / "known" / "good" / f"{number}.png", stained(number))
    stain = str(pictures / "stain.png") + "@72,22,17,17"
    words = ["--recipe", str(lenient), "--defect", stain, "--labelled", str(pictures / "known")]
    assert correct(taught, pictures / "new", *words) == EXIT_NO
    said = capsys.readouterr().out
    assert "known good parts that would be stopped: 2 (good/41.png, good/42.png)" in said
    assert "NOT ACCEPTED, nothing was written: 2 of 5 known good parts would be stopped" in said
    assert not (pictures / "new").exists()
    assert correct(taught, pictures / "new", *words, "--accept-stopped") == EXIT_OK


def test_an_interrupted_one_leaves_nothing(taught: Path, pictures: Path) -> None:
    stop = Stop()
    request = correcting.Request(
        package=taught, given=Given(good=(pictures / "stain.png",)), by="An", reason="why", out=pictures / "new"
    )
    before = sorted(pictures.iterdir())

    def step(what: str, done: int, steps: int) -> None:
        if what == "judging again":
            stop.request()

    with pytest.raises(ServiceError, match="nothing was written"):
        correcting.run(request, step, SystemClock(), stop)
    assert sorted(pictures.iterdir()) == before


def test_what_a_person_said_before_is_kept_and_replayed(
    taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = stained(40)
    again[0, 0] += 1  # another picture of the very part
    cv2.imwrite(str(pictures / "stain 2.png"), again)
    stain = str(pictures / "stain.png") + "@72,22,17,17"
    assert correct(taught, pictures / "2", "--defect", stain) == EXIT_OK
    assert correct(pictures / "2", pictures / "3", "--good", str(pictures / "stain 2.png")) == EXIT_NO
    said = capsys.readouterr().out
    assert "NOT ACCEPTED, nothing was written: known defects would pass: kept/stain.png" in said
    assert correct(pictures / "2", pictures / "3", "--good", str(pictures / "stain.png")) == EXIT_NO
    assert "stain.png was called defective in version 2" in capsys.readouterr().err
    assert not (pictures / "3").exists()


def test_a_zip_and_its_recipe(taught: Path, pictures: Path) -> None:
    pack(taught / "package", pictures / "plate.zip")
    (pictures / "plate.recipe.json").write_bytes((taught / "recipe.json").read_bytes())
    assert correct(pictures / "plate.zip", pictures / "new", "--good", str(pictures / "stain.png")) == EXIT_OK
    assert (pictures / "new" / "recipe.json").is_file()


def test_whole_frames_are_located_and_cut_as_the_recipe_says(
    taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told_recipe = json.loads((taught / "recipe.json").read_bytes())
    check = told_recipe["views"][0]["checks"][0]
    told_recipe["views"][0]["checks"] = [{**check, "region": {"x": 20, "y": 0, "width": 120, "height": 128}}]
    (pictures / "region.json").write_text(json.dumps(told_recipe))
    good = taught.parent / "plates"
    words = ["--name", "plate", "--backbone", FAST, "--size", "128", "--recipe", str(pictures / "region.json")]
    assert main(["teach", str(good), "--out", str(pictures / "cut"), *words]) == EXIT_OK
    capsys.readouterr()
    spot = str(pictures / "spot.png")
    assert correct(pictures / "cut", pictures / "new", "--defect", f"{spot}@0,0,12,12") == EXIT_NO
    assert "marked place of spot.png is not on the part" in capsys.readouterr().err
    assert correct(pictures / "cut", pictures / "new", "--defect", spot + SPOT, "--json") == EXIT_OK
    across, down = told(capsys)["parts"][0]["place"]
    assert across == pytest.approx((81 - 20) / 120, abs=0.08)
    assert down == pytest.approx(89 / 128, abs=0.08)
    part = cv2.imread(str(pictures / "new" / "package" / "memory" / "parts" / "0.png"))
    assert part is not None
    size = open_package(pictures / "new" / "package").manifest.preprocess
    assert part.shape == (size.height, size.width, 3)


def test_masks_are_replayed_and_not_corrected(
    taught: Path, pictures: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told_recipe = json.loads((taught / "recipe.json").read_bytes())
    told_recipe["views"][0]["checks"][0]["ignore"] = [{"points": [[30, 0], [130, 0], [130, 72], [30, 72]]}]
    masked = pictures / "masked.json"
    masked.write_text(json.dumps(told_recipe))
    words = ["--recipe", str(masked), "--labelled", str(labelled)]
    assert main(["learning", "replay", str(taught / "recipe.json"), *words, "--json"]) == EXIT_NO
    assert told(capsys)["lost"] == ["stain/1.png"]
    assert correct(taught, pictures / "new", "--good", str(pictures / "stain.png"), *words) == EXIT_ERROR
    assert "has masks" in capsys.readouterr().err
    assert not (pictures / "new").exists()
    assert main(["learning", "replay", str(masked)]) == EXIT_USAGE
    assert "no package lies beside" in capsys.readouterr().err


def test_the_stored_parts_of_a_station(taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = _station(pictures, [(Verdict.OK, made.good(120)), (Verdict.OK, stained(40)), (Verdict.NG, None)])
    words = ["--station", str(station), "--last", "10", "--json"]
    assert correct(taught, pictures / "new", "--good", str(pictures / "stain.png"), *words) == EXIT_OK
    replayed = told(capsys)["replay"]
    assert replayed["stored"] == {"parts": 3, "pictures": 2, "unkept": 1, "labelled": 0}
    name = str(part_id(1, 2))
    assert [(one["name"], one["from"], one["to"]) for one in replayed["changes"]] == [
        ("kept/stain.png", "NG", "OK"), (name, "NG", "OK")
    ]  # fmt: skip
    assert main(["learning", "replay", str(taught), *words]) == EXIT_OK
    assert [(one["name"], one["from"], one["to"]) for one in told(capsys)["changes"]] == [(name, "OK", "NG")]
    assert main(["learning", "replay", str(taught / "package"), *words]) == EXIT_USAGE
    assert "stored parts are whole frames" in capsys.readouterr().err


def _station(folder: Path, parts: list[tuple[Verdict, made.Pixels | None]]) -> Path:
    """A station file with ledger, evidence and stored frames."""
    data = folder / "data"
    data.mkdir()
    ledger = LedgerWriter.open(data / "ledger.db", station=STATION, reserve_bytes=1 << 20, clock=ManualClock())
    ledger.begin_epoch(boot_id="b", now_ns=1000, wall="2026-01-01T09:00:00+00:00")
    evidence = EvidenceStore(data / "evidence.db")
    for n, (verdict, frame) in enumerate(parts, 1):
        ledger.commit([trigger(1, n), record(1, n, verdict)])
        if frame is None:
            continue
        path = data / "images" / f"{n}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(".png", frame)[1].tobytes())  # drawn noise is not what JPEG is made for
        image = Image(
            part=part_id(1, n), row=n, view="top", kind="frame", path=f"{n}.jpg", bytes=1, width=160, height=128,
            verdict=verdict, created_wall="2026-01-01T10:00:00+00:00", created_ns=n,
        )  # fmt: skip
        evidence.record(position=n, images=[image])
    evidence.close()
    ledger.close()
    path = folder / "station.toml"
    path.write_text(
        f'name = "{STATION}"\ndata_dir = "data"\nrun_dir = "run"\n'
        f'[[camera]]\nname = "top"\nkind = "folder"\nsource = "{folder}"\nwidth = 160\nheight = 128\nrate_fps = 10.0\n'
    )
    return path


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ([], EXIT_USAGE, "nothing is to be corrected"),
        (["--good", "gone.png"], EXIT_ERROR, "gone.png cannot be read as a picture"),
        (["--defect", "spot.png@150,0,30,30"], EXIT_USAGE, "the marked place of spot.png leaves its 160 x 128 px"),
        (["--good", "spot.png", "--defect", "spot.png"], EXIT_USAGE, "spot.png is given twice"),
        (["--good", "small.png"], EXIT_USAGE, "small.png has 80 x 64 px"),
        (["--good", "black.png"], EXIT_ERROR, "black.png is black"),
        (["--good", "spot.png", "--reason", ""], EXIT_USAGE, "--reason must say something"),
        (["--good", "spot.png", "--labelled", "gone"], EXIT_USAGE, "there is no folder gone"),
        (["--good", "spot.png", "--recipe", "gone.json"], EXIT_USAGE, "the recipe gone.json cannot be read"),
    ],
)
def test_what_cannot_be_used_leaves_nothing(
    taught: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    more: list[str], code: int, words: str,
) -> None:  # fmt: skip
    cv2.imwrite(str(pictures / "small.png"), cv2.resize(made.good(1), (80, 64)))
    cv2.imwrite(str(pictures / "black.png"), np.zeros((128, 160, 3), np.uint8))
    before = sorted(pictures.iterdir())
    monkeypatch.chdir(pictures)
    assert correct(taught, Path("new"), *more) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert sorted(pictures.iterdir()) == before


def test_a_folder_that_is_there_is_not_touched(
    taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "new").mkdir()
    assert correct(taught, pictures / "new", "--good", str(pictures / "stain.png")) == EXIT_USAGE
    assert "is there already" in capsys.readouterr().err
    assert list((pictures / "new").iterdir()) == []


def test_a_replay_against_the_labels(taught: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learning", "replay", str(taught), "--labelled", str(labelled), "--json"]) == EXIT_OK
    found = told(capsys)
    assert (found["model"], found["against"], found["lost"]) == ("plate@1", "", [])
    _put(labelled / "test" / "invisible" / "1.png", made.good(0))
    assert main(["learning", "replay", str(taught), "--labelled", str(labelled)]) == EXIT_NO
    assert "known defects that would pass: 1 (invisible/1.png)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.png", None),
        ("a@b.png", None),
        ("a.png@1,2,3", None),
        ("dir@1,2,3,4/a.png@1,2,3,4", Rect(x=1, y=2, width=3, height=4)),
    ],
)
def test_a_place_is_part_of_the_word(text: str, place: Rect | None) -> None:
    path, found = split_place(text)
    assert found == place
    assert str(path) == (text if place is None else text.rpartition("@")[0])


def test_an_empty_place_is_refused() -> None:
    with pytest.raises(UsageError, match=r"marked place of a\.png is empty"):
        split_place("a.png@1,2,0,4")


def test_its_help_is_quick() -> None:
    """numpy, OpenCV and onnxruntime are not loaded to tell how a command is used."""
    script = "import sys; from edge.cli import main; main(['learning', '--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert "correct" in done.stdout
