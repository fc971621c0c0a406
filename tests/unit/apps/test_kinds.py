"""`edge learning kinds`: names for defects from a few reviewed examples; nothing they say changes a verdict."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.clock import ManualClock
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE
from edge.learning.backbone import FAST
from edge.store.evidence import EvidenceStore, Image
from edge.store.ledger import LedgerWriter
from edge.store.packages import import_package
from edge.store.station import StationStore
from tests.unit.apps.plates import teach_twelve
from tests.unit.learning import made
from tests.unit.store.ledger_values import STATION, part_id, record, trigger

KINDS = ("scratch", "spot")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `edge teach` made of 12 pictures."""
    return teach_twelve(tmp_path_factory.mktemp("kinds-teach"))


def defective(number: int, kind: str) -> made.Pixels:
    """A good part with a dark scratch or a bright spot, somewhere below."""
    rng = np.random.default_rng([number, 9])
    picture, x, y = made.good(number), int(rng.integers(58, 102)), int(rng.integers(84, 96))
    if kind == "scratch":
        cv2.line(picture, (x - 10, y - 3), (x + 10, y + 3), (30, 30, 30), 3, cv2.LINE_AA)
    else:
        cv2.circle(picture, (x, y), 6, (250, 250, 250), -1, cv2.LINE_AA)
    return picture


def put(path: Path, picture: made.Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five of each kind, two stains; one picture is none, one is black; a mask of a scratch."""
    folder = tmp_path_factory.mktemp("kinds-known")
    put(folder / "test" / "good" / "0.png", made.good(100))
    for kind in KINDS:
        for number in range(5):
            put(folder / "test" / kind / f"{number}.png", defective(number, kind))
    for number in range(2):
        put(folder / "test" / "stain" / f"{number}.png", defective(20 + number, "spot"))
    put(folder / "test" / "spot" / "dark.png", np.zeros_like(made.good(0)))
    (folder / "test" / "spot" / "torn.png").write_bytes(b"no picture")
    mask = np.zeros((made.HEIGHT, made.WIDTH, 1), np.uint8)
    mask[80:100, 50:110] = 255
    put(folder / "ground_truth" / "scratch" / "0_mask.png", mask)
    return folder


@pytest.fixture(scope="module")
def kinds(taught: Path, labelled: Path) -> Path:
    out = labelled / "plate.kinds"
    assert main(["learning", "kinds", "teach", str(taught), "--labelled", str(labelled), "--out", str(out)]) == EXIT_OK
    return out


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_teaching_says_what_it_has_learnt(
    taught: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plate.kinds"
    words = ["learning", "kinds", "teach", str(taught), "--labelled", str(labelled), "--out", str(out), "--json"]
    assert main(words) == EXIT_OK
    found = told(capsys)
    assert found["model"] == "plate@1"
    assert {kind: one["examples"] for kind, one in found["kinds"].items()} == {"scratch": 5, "spot": 5}
    assert all(one["right"] + one["wrong"] + one["unknown"] == 5 for one in found["kinds"].values())
    assert found["left_out"]["examples"] == 10
    assert found["left_out"]["accuracy"] >= 0.9
    assert found["waiting"] == {"stain": 1}
    assert [one.split(":")[0] for one in found["unusable"]] == ["spot/dark.png", "spot/torn.png"]
    first = out.read_bytes()
    assert main(words) == EXIT_OK
    assert out.read_bytes() == first


def test_pictures_are_named(taught: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in KINDS:
        for number in range(50, 58):
            put(tmp_path / f"{kind}-{number}.png", defective(number, kind))
    words = ["learning", "kinds", "name", str(kinds), "--model", str(taught), "--pictures", str(tmp_path)]
    assert main([*words, "--json"]) == EXIT_OK
    found = told(capsys)
    assert len(found["parts"]) == 16
    assert all(one["nearest"] == one["name"].split("-")[0] for one in found["parts"])
    assert all(one["kind"] in (one["nearest"], "unknown") for one in found["parts"])
    assert sum(found["counts"].get(kind, 0) for kind in KINDS) >= 8
    assert found["kept"] is None
    assert found["rows"] == []
    assert main(words) == EXIT_OK
    assert "scratch-50.png: scratch" in capsys.readouterr().out


class Line:
    """A station that has judged parts with the taught detector; the frame of each is kept."""

    def __init__(self, folder: Path, taught: Path, parts: Sequence[tuple[Verdict, made.Pixels]]) -> None:
        data = folder / "data"
        data.mkdir()
        self.book = data / "station.db"
        with self.store() as store:
            recipe = recipes.load((taught / "recipe.json").read_bytes())
            ref = store.add_recipe(recipe)
        import_package(taught / "package", data / "models")
        self._judge(data, recipe.views[0].camera, ref, parts)
        self.file = folder / "station.toml"
        self.file.write_text(
            f'name = "{STATION}"\ndata_dir = "data"\nrun_dir = "run"\n'
            f'[[camera]]\nname = "top"\nkind = "folder"\nsource = "{folder}"\nwidth = 160\nheight = 128\n'
            "rate_fps = 10.0\n"
        )

    def store(self) -> closing[StationStore]:
        return closing(StationStore(self.book, clock=ManualClock()))

    @staticmethod
    def _judge(data: Path, camera: str, ref: RecipeRef, parts: Sequence[tuple[Verdict, made.Pixels]]) -> None:
        ledger = LedgerWriter.open(data / "ledger.db", station=STATION, reserve_bytes=1 << 20, clock=ManualClock())
        ledger.begin_epoch(boot_id="b", now_ns=1000, wall="2026-01-01T09:00:00+00:00")
        evidence = EvidenceStore(data / "evidence.db")
        for n, (verdict, frame) in enumerate(parts, 1):
            ledger.commit([trigger(1, n, recipe=ref), record(1, n, verdict)])
            put(data / "images" / f"{n}.png", frame)
            image = Image(
                part=part_id(1, n), row=n, view=camera, kind="frame", path=f"{n}.png", bytes=1, width=160, height=128,
                verdict=verdict, created_wall="2026-01-01T10:00:00+00:00", created_ns=n,
            )  # fmt: skip
            evidence.record(position=n, images=[image])
        evidence.close()
        ledger.close()


@pytest.fixture
def line(taught: Path, tmp_path: Path) -> Line:
    """A good part, then six defective ones of each kind in turn."""
    parts = [(Verdict.OK, made.good(200))]
    parts += [(Verdict.NG, defective(number, kind)) for number in range(60, 66) for kind in KINDS]
    return Line(tmp_path, taught, parts)


def test_the_reviewed_parts_of_a_station_are_examples(
    taught: Path, line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = recipes.load((taught / "recipe.json").read_bytes()).views[0].camera
    with line.store() as store:
        for row in range(2, 10):
            place, view = (Rect(x=50, y=76, width=60, height=30), camera) if row < 4 else (None, "")
            kind = KINDS[row % 2]
            store.add_label(part_id(1, row), row, Verdict.NG, by="An", kind=kind, place=place, view=view)
        store.add_label(part_id(1, 10), 10, Verdict.NG, by="An")  # no kind: no example
        store.add_label(part_id(1, 11), 11, Verdict.NG, by="An", kind="spot")
        store.add_label(part_id(1, 11), 11, Verdict.OK, by="Bình")  # the last one holds
    out = tmp_path / "plate.kinds"
    words = ["learning", "kinds", "teach", str(taught), "--station", str(line.file), "--out", str(out), "--json"]
    assert main(words) == EXIT_OK
    found = told(capsys)
    assert {kind: one["examples"] for kind, one in found["kinds"].items()} == {"scratch": 4, "spot": 4}
    assert found["left_out"]["accuracy"] == 1.0


def test_stopped_parts_are_named_and_the_names_kept(
    kinds: Path, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["learning", "kinds", "name", str(kinds), "--station", str(line.file), "--last", "8", "--json"]
    assert main(words) == EXIT_OK
    found = told(capsys)
    assert found["kept"] is True
    assert [one["row"] for one in found["rows"]] == [13, 12, 11, 10, 9, 8, 7, 6]  # the newest, and no good part
    assert all(one["nearest"] == KINDS[int(one["name"].split("/")[2]) % 2] for one in found["parts"])
    with line.store() as store:
        kept = store.names_for(list(range(1, 14)))
        assert {row: one.kind for row, one in kept.items()} == {one["row"]: one["kind"] for one in found["rows"]}
        assert {one.model for one in kept.values()} == {"plate@1"}


def test_while_a_panel_holds_the_database_names_are_only_told(
    kinds: Path, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["learning", "kinds", "name", str(kinds), "--station", str(line.file)]
    with line.store() as panel:
        assert main([*words, "--json"]) == EXIT_OK
        found = told(capsys)
        assert main(words) == EXIT_OK
        assert "and not kept" in capsys.readouterr().out
        assert found["kept"] is False
        assert len(found["rows"]) == 12
        assert panel.names_for(list(range(1, 14))) == {}


def test_parts_whose_model_is_gone_are_told(kinds: Path, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(line.book.parent / "models" / "plate@1")
    assert main(["learning", "kinds", "name", str(kinds), "--station", str(line.file), "--json"]) == EXIT_OK
    found = told(capsys)
    assert found["parts"] == []
    assert [one.split(":")[0] for one in found["unusable"]] == ["parts of plate@1"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["teach", "MODEL", "--out", "o.kinds"], EXIT_USAGE, "the examples come from one place"),
        (["teach", "MODEL", "--labelled", "KNOWN", "--out", "no/o.kinds"], EXIT_USAGE, "no/o.kinds cannot be written"),
        (["teach", "MODEL", "--labelled", "POOR", "--out", "o.kinds"], EXIT_USAGE, "1 kinds have 3 examples or more"),
        (["name", "KINDS"], EXIT_USAGE, "what shall be named?"),
        (["name", "KINDS", "--pictures", "gone", "--model", "MODEL"], EXIT_USAGE, "there is no folder gone"),
        (["name", "gone", "--pictures", "POOR", "--model", "MODEL"], EXIT_USAGE, "gone cannot be read"),
        (["name", "torn", "--pictures", "POOR", "--model", "MODEL"], EXIT_ERROR, "the kinds of defects cannot be read"),
    ],
)
def test_what_cannot_be_used(
    taught: Path,
    labelled: Path,
    kinds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        put(tmp_path / "poor" / "test" / "spot" / f"{number}.png", defective(number, "spot"))
    (tmp_path / "torn").write_bytes(kinds.read_bytes()[:-9])
    places = {"MODEL": taught, "KNOWN": labelled, "POOR": tmp_path / "poor", "KINDS": kinds}
    assert main(["learning", "kinds", *(str(places.get(word, word)) for word in words)]) == code
    assert says in capsys.readouterr().err
    assert not (tmp_path / "o.kinds").exists()


def test_kinds_of_another_detector_are_refused(
    taught: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good"
    for number in range(4):
        put(good / f"{number}.png", made.good(number))
    teach = ["teach", str(good), "--name", "lid", "--out", str(tmp_path / "lid"), "--backbone", FAST, "--size", "144"]
    assert main(teach) == EXIT_OK
    words = ["learning", "kinds", "name", str(kinds), "--pictures", str(good), "--model", str(tmp_path / "lid")]
    assert main(words) == EXIT_ERROR
    assert "these kinds were taught with plate@1, not with lid@1" in capsys.readouterr().err


def test_as_a_process_with_progress(taught: Path, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "plate.kinds"
    words = ["learning", "kinds", "teach", str(taught), "--labelled", str(labelled), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli", *words, "--json", "--progress"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["out"] == str(out)
    steps = [json.loads(one) for one in done.stderr.splitlines()]
    assert {one["step"] for one in steps} == {"looking", "writing"}
