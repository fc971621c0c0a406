"""`edge evaluate`: figures as JSON, as lines and as a page; what cannot be used is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.apps.evaluate import evaluate as evaluating
from edge.apps.evaluate import report
from edge.apps.evaluate import words as evaluate_words
from edge.apps.evaluate.words import EvaluateWords
from edge.cli import main
from edge.clock import SystemClock
from edge.domain import recipe as recipes
from edge.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE, ServiceError
from edge.learning.evaluate import Evaluation
from edge.learning.figures import Figures, Latency, MaskCount, NotInspected, Share
from edge.service import Stop
from edge.store.packages import pack
from tests.unit.inference import made
from tests.unit.inference.made import Pixels
from tests.unit.learning import made as plates

DIM = '<b>dim & "small"'  # as anybody may name a file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four good pictures, one of them too bright; two spots, one of them too dark to be seen. Masks for both."""
    folder = tmp_path / "set"
    for value in (20, 40, 60, 120):
        put(folder / "test" / "good" / f"{value}.png", made.level(value))
    for name, level in (("bright", 250), (DIM, 60)):
        put(folder / "test" / "spot" / f"{name}.png", made.with_spot(16, 24, 16, spot=level))
        put(folder / "ground_truth" / "spot" / f"{name}_mask.png", spot_mask())
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return made.package(tmp_path / "models", golden=made.GOLDEN).folder


def put(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def spot_mask() -> Pixels:
    return made.with_spot(16, 24, 16, ground=0, spot=255)


def recipe_beside(package: Path) -> Path:
    """Of 64 x 64 frames only."""
    manifest = made.package(package.parent / "again", golden=made.GOLDEN)
    view = made.view((made.check(manifest, unsure_from=50.0),), frame_width=64, frame_height=64)
    path = package.parent.parent / "recipe.json"
    path.write_bytes(recipes.dump(made.recipe(view)))
    return path


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return dict(json.loads(out))


def test_a_bare_package(folder: Path, package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(package), str(folder), "--json"]) == EXIT_OK
    found = told(capsys)
    assert found["model"] == "grey@1"
    assert found["n"] == {"good": 4, "defect": 2}
    assert found["image_auroc"] == pytest.approx((4 + 2.5) / 8)
    low, high = found["image_auroc_ci"]
    assert 0.1 < low < found["image_auroc"] < high < 1
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 4) / 2)
    assert found["false_reject_rate"] == 0.25
    assert found["false_reject_interval"] == [pytest.approx(0.0063, abs=1e-4), pytest.approx(0.8059, abs=1e-4)]
    assert found["escape_rate"] == 0.5
    assert found["per_defect"]["spot"]["escape_rate"] == 0.5
    assert found["escapes"] == [f"spot/{DIM}.png"]
    assert found["false_rejects"] == ["good/120.png"]
    assert found["latency_ms"]["p50"] <= found["latency_ms"]["p99"]
    assert 0.5 < found["au_pro"] < 1
    assert found["au_pro_ci"][0] <= found["au_pro"] <= found["au_pro_ci"][1]
    assert found["taught_with"] is None  # this package does not say
    assert 0.5 < found["pixel_auroc"] < 1
    assert found["masks"]["used"] == 2
    assert len(found["pictures"]) == 6


def test_the_same_from_one_file_and_from_a_recipe(
    folder: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = pack(package, tmp_path / "grey.zip")
    assert main(["evaluate", str(one), str(folder), "--json"]) == EXIT_OK
    zipped = told(capsys)
    recipe = recipe_beside(package)
    for words in ([str(recipe)], [str(tmp_path)], [str(recipe), "--models", str(one)]):
        assert main(["evaluate", *words, str(folder), "--json"]) == EXIT_OK
        found = told(capsys)
        assert found["model"] == "disc@1"
        assert found["image_auroc"] == zipped["image_auroc"]
        # The recipe's own limit is 50: the dim spot is seen, and so is another good part.
        assert (found["false_reject_rate"], found["escape_rate"]) == (0.5, 0.0)
    taught = tmp_path / "grey.recipe.json"
    taught.write_bytes(recipe.read_bytes())
    made_by_teach = tmp_path / "elsewhere"
    made_by_teach.mkdir()
    one.rename(made_by_teach / one.name)
    taught.rename(made_by_teach / taught.name)
    assert main(["evaluate", str(made_by_teach / taught.name), str(folder), "--json"]) == EXIT_OK
    assert told(capsys)["model"] == "disc@1"


class Page(HTMLParser):
    """Collects what a browser would fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(("language", "words"), [("en", "Escapes"), ("vi", "Lọt lỗi")])
def test_the_page_needs_nothing_else(folder: Path, package: Path, tmp_path: Path, language: str, words: str) -> None:
    out = tmp_path / "new" / "out"
    assert main(["evaluate", str(package), str(folder), "--out", str(out), "--language", language]) == EXIT_OK
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    assert json.loads((out / "report.json").read_text())["n"] == {"good": 4, "defect": 2}
    page = Page()
    page.feed((out / "report.html").read_text(encoding="utf-8"))
    assert words in page.text
    assert page.sources
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in page.sources)
    assert len(page.sources) == 2  # one escape, one false reject
    assert "script" not in page.tags
    assert DIM in page.text
    assert page.tags.count("b") == 7  # the tiles; the file's name makes no tag
    assert "{" not in page.text.split("svg { width: 100%; height: auto; overflow: visible; }")[1]


def test_lines_for_a_person(folder: Path, package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "test" / "notes.txt").write_text("late shift")
    assert main(["evaluate", str(package), str(folder)]) == EXIT_OK
    out = capsys.readouterr().out
    assert "grey@1: 4 good and 2 defective parts" in out
    assert "50.0 % (1 of 2; with 95 % confidence between 1.3 % and 98.7 %)" in out
    assert "no kind's folder: 1." in out


def test_without_masks_and_without_good_ones(folder: Path, package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ground_truth").rename(folder / "elsewhere")
    (folder / "test" / "good").rename(folder / "good")
    assert main(["evaluate", str(package), str(folder), "--json"]) == EXIT_OK
    found = told(capsys)
    nulls = (
        "image_auroc",
        "image_auroc_ci",
        "au_pro_ci",
        "average_precision",
        "au_pro",
        "pixel_auroc",
        "false_reject_rate",
        "false_reject_interval",
    )
    assert [found[key] for key in nulls] == [None] * len(nulls)
    assert found["escape_rate"] == 0.5
    assert main(["evaluate", str(package), str(folder), "--language", "vi"]) == EXIT_OK
    out = capsys.readouterr().out
    assert "Không có sản phẩm đạt" in out
    assert "Không có mặt nạ" in out


def test_what_was_missed_is_said_and_is_an_error(
    folder: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "test" / "good" / "torn.png").write_bytes(b"\x89PNG\r\n no more")
    put(folder / "ground_truth" / "spot" / "bright_mask.png", made.level(255, 32))
    out = tmp_path / "out"
    assert main(["evaluate", str(package), str(folder), "--out", str(out), "--json"]) == EXIT_ERROR
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["unreadable"] == ["good/torn.png"]
    assert found["masks"]["other_size"] == ["spot/bright.png"]
    assert (
        "pictures that cannot be read: 1 (good/torn.png); masks of another size than their pictures: 1 (spot/b"
        in captured.err
    )
    assert (out / "report.html").is_file()


def test_pictures_that_were_taught_with_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes under other names; saved anew they are others. The figures and the exit code stay."""
    known = tmp_path / "plates"
    for number in range(8):
        put(known / "train" / "good" / f"{number}.png", plates.good(number))
    taught = str(tmp_path / "plate")
    teach = ["teach", str(known), "--name", "plate", "--out", taught, "--backbone", "efficientnet-lite0"]
    assert main([*teach, "--size", "144"]) == EXIT_OK
    for number in range(20, 24):
        put(known / "test" / "good" / f"{number}.png", plates.good(number))
    put(known / "test" / "scratch" / "0.png", plates.scratched(30))
    capsys.readouterr()
    assert main(["evaluate", taught, str(known), "--json"]) == EXIT_OK
    assert told(capsys)["taught_with"] == {"count": 0, "names": []}
    for number in (3, 5):
        shutil.copy(known / "train" / "good" / f"{number}.png", known / "test" / "good" / f"again {number}.png")
    assert main(["evaluate", taught, str(known), "--json"]) == EXIT_OK
    found = told(capsys)
    assert found["taught_with"] == {"count": 2, "names": ["good/again 3.png", "good/again 5.png"]}
    assert found["n"] == {"good": 6, "defect": 1}
    assert main(["evaluate", f"{taught}/package", str(known), "--out", str(tmp_path / "out")]) == EXIT_OK
    warning = "made from 2 of these 7 pictures (good/again 3.png, good/again 5.png): the figures are too kind"
    assert warning in capsys.readouterr().out
    assert warning in (tmp_path / "out" / "report.html").read_text()


def test_wrong_use(folder: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = tmp_path / "full"
    put(full / "old.png", made.level(1))
    cases: list[tuple[list[Any], int, str]] = [
        ([package, tmp_path / "nowhere"], EXIT_USAGE, "there is no folder"),
        ([package, full], EXIT_USAGE, "has no test folder"),
        ([tmp_path / "nowhere", folder], EXIT_USAGE, "there is no model or recipe"),
        ([full, folder], EXIT_USAGE, "there is no model or recipe"),
        ([full / "old.png", folder], EXIT_ERROR, "no .zip of a model package"),
        ([package, folder, "--out", full], EXIT_USAGE, "is not empty"),
        ([package, folder, "--out", folder / "out"], EXIT_USAGE, "lies inside"),
        ([package, folder, "--language", "fr"], EXIT_USAGE, "there are no words"),
        ([package, folder, "--camera", "top"], EXIT_USAGE, "is a bare package"),
        ([recipe_beside(package), folder, "--camera", "side"], EXIT_USAGE, "has no view of camera"),
    ]
    for words, code, said in cases:
        assert main(["evaluate", *map(str, words)]) == code, words
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.out == ""
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    assert main(["evaluate", str(package), str(folder), "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert "can be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_that_fails_its_golden_parts_is_not_evaluated(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = made.package(tmp_path / "models", made.anomaly_onnx(score_offset=5), golden=made.GOLDEN)
    assert main(["evaluate", str(wrong.folder), str(folder)]) == EXIT_ERROR
    assert "golden part" in capsys.readouterr().err


def test_an_interrupt_writes_nothing(folder: Path, package: Path, tmp_path: Path) -> None:
    stop = Stop()
    request = evaluating.Request(model=package, source=folder, out=tmp_path / "out")
    told_steps: list[int] = []

    def step(what: str, done: int, total: int) -> None:
        told_steps.append(done)
        if done == 3:
            stop.request()

    with pytest.raises(ServiceError, match="interrupted after 3 of 6"):
        evaluating.run(request, EvaluateWords("en"), step, SystemClock(), stop)
    assert told_steps == [0, 1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "set"]


_CHILD = """
import resource, sys
from edge.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_leaves_nothing(folder: Path, package: Path, tmp_path: Path, root: Path) -> None:
    words = ["evaluate", str(package), str(folder), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *words], cwd=root, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == EXIT_ERROR, done.stderr
    assert "free space on the disk" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "set"]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_everything_that_is_in_no_figure_is_told(language: str) -> None:
    names = tuple(f"spot/{k}.png" for k in range(7))
    masks = MaskCount(used=3, missing=11, black=12, unreadable=names[:2], other_size=names, mapless=13, regions=4)
    apart = NotInspected(good=1, defect=16, reasons={"not_found": 16, "too_dark": 1})
    nothing = Share(count=0, of=0)
    figures = Figures(
        image_auroc=None, image_auroc_ci=None, average_precision=None, au_pro=None, au_pro_ci=None, pixel_auroc=None,
        false_rejects=nothing, escapes=nothing,
        per_defect={}, latency_ms=Latency(p50=None, p99=None), good=0, defect=20, not_inspected=apart, masks=masks,
    )  # fmt: skip
    found = Evaluation(figures=figures, seen=(), unreadable=names[:1], passed_over=15, complete=True)
    told = "\n".join(report.notes(found, EvaluateWords(language)))
    assert [n for n in range(11, 18) if f" {n}" in told] == [11, 12, 13, 15, 17]
    assert "(16)" in told
    assert "(spot/0.png)" in told
    assert "spot/0.png, spot/1.png)" in told
    assert "spot/4.png, ...)" in told
    none_bad = replace(found, figures=replace(figures, defect=0, good=3))
    assert len(report.notes(none_bad, EvaluateWords(language))) == len(told.splitlines()) - 1


def test_every_text_has_words_with_the_same_fields() -> None:
    english, vietnamese = EvaluateWords("en"), EvaluateWords("vi")
    fields = {"name", "good", "defect", "source", "when", "count", "of", "low", "high", "p99", "threads", "reasons"}
    values = {name: f"<{name}>" for name in (*fields, "names")}
    for text in evaluate_words.known():
        here, there = english(text, **values), vietnamese(text, **values)
        assert here != there, text
        assert sorted(part.split(">")[0] for part in here.split("<")[1:]) == sorted(
            part.split(">")[0] for part in there.split("<")[1:]
        ), text
