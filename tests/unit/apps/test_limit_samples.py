"""Limit samples: never learnt from, always judged again, and nobody lets one go on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.cli import main
from edge.domain import recipe as recipes
from edge.errors import EXIT_NO, EXIT_OK, EXIT_USAGE
from edge.learning.memory_file import taught_memory
from edge.store.packages import open_package
from tests.unit.apps.test_learning import SPOT, correct, labelled, pictures, taught, told
from tests.unit.learning import made

__all__ = ["labelled", "pictures", "taught"]


def _put(path: Path, picture: made.Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def agreed(taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Version 2: with a scratched part that must be stopped and a plain one that must pass."""
    scratched = _put(pictures / "agreed bad.png", made.scratched(61))
    plain = _put(pictures / "agreed good.png", made.good(131))
    words = ["--limit-defect", f"{scratched}@10,10,60,60", "--limit-good", str(plain), "--json"]
    assert correct(taught, pictures / "2", *words) == EXIT_OK
    found = told(capsys)
    assert (found["parts"], found["samples"]) == ([], ["agreed good.png", "agreed bad.png"])
    assert (found["replay"]["samples"], found["replay"]["flipped"]) == (2, [])
    return pictures / "2"


def stop_all(recipe: Path, to: Path, **limits: float) -> Path:
    """The recipe with other limits, as an engineer may set them."""
    change: dict[str, Any] = json.loads(recipe.read_bytes())
    change["views"][0]["checks"][0] |= limits
    to.write_text(json.dumps(change))
    return to


def test_a_version_may_consist_of_limit_samples_alone_and_its_model_stays(taught: Path, agreed: Path) -> None:
    old, new = open_package(taught / "package"), open_package(agreed / "package")
    assert new.model_digest == old.model_digest
    assert new.manifest.version == 2
    assert new.manifest.input == old.manifest.input
    assert (new.manifest.unsure_from, new.manifest.ng_from) == (old.manifest.unsure_from, old.manifest.ng_from)
    assert new.manifest.golden == old.manifest.golden, "a borderline part is no golden one"
    before, after = taught_memory(old), taught_memory(new)
    assert len(after.fit.entries) == len(before.fit.entries)
    assert len(after.vetoes) == 0
    assert [(one.name, one.defect, one.limit) for one in after.known] == [
        ("agreed good.png", False, True), ("agreed bad.png", True, True)
    ]  # fmt: skip
    assert after.known[1].place is not None
    assert after.corrections[-1].samples == ("agreed good.png", "agreed bad.png")
    recipe = recipes.load((agreed / "recipe.json").read_bytes())
    assert (recipe.version, recipe.views[0].checks[0].model) == (2, "plate@2")
    assert "2 limit samples" in (agreed / "package" / "CARD.md").read_text()


def test_the_report_lies_beside_for_those_who_approve(agreed: Path) -> None:
    report = json.loads((agreed / "report.json").read_bytes())
    assert (report["model"], report["accepted"], report["samples"][0]) == ("plate@2", True, "agreed good.png")


def test_every_later_correction_judges_them_again(
    agreed: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert correct(agreed, pictures / "3", "--defect", str(pictures / "spot.png") + SPOT, "--json") == EXIT_OK
    found = told(capsys)
    assert (found["replay"]["samples"], found["replay"]["flipped"]) == (2, [])
    known = taught_memory(open_package(pictures / "3" / "package")).known
    assert [(one.name, one.limit) for one in known] == [
        ("agreed good.png", True), ("agreed bad.png", True), ("spot.png", False)
    ]  # fmt: skip
    vetoes = taught_memory(open_package(pictures / "3" / "package")).vetoes
    assert set(vetoes.parts) == {2}


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"unsure_from": 9.0, "ng_from": 9.5}, "kept/agreed bad.png"),
        ({"unsure_from": 0.01, "ng_from": 9.5}, "kept/agreed good.png"),
    ],
)
def test_one_that_would_be_judged_otherwise_refuses_and_cannot_be_accepted(
    agreed: Path, pictures: Path, capsys: pytest.CaptureFixture[str], limits: dict[str, float], name: str
) -> None:
    other = stop_all(agreed / "recipe.json", pictures / "other.json", **limits)
    spot = ["--defect", str(pictures / "spot.png") + SPOT, "--recipe", str(other)]
    let_go = ["--accept-lost", name, "--accept-lost", name.removeprefix("kept/"), "--accept-stopped"]
    assert correct(agreed, pictures / "3", *spot, *let_go, "--json") == EXIT_NO
    found = told(capsys)
    assert found["refused"] == f"limit samples would be judged otherwise: {name}"
    assert found["replay"]["lost"] == []
    assert not (pictures / "3").exists()
    assert correct(agreed, pictures / "3", *spot, *let_go) == EXIT_NO
    assert "--drop-limit NAME" in capsys.readouterr().out
    assert (
        correct(agreed, pictures / "3", *spot, "--drop-limit", name.removeprefix("kept/"), "--accept-stopped")
        == EXIT_OK
    )
    kept = taught_memory(open_package(pictures / "3" / "package"))
    assert name.removeprefix("kept/") not in [one.name for one in kept.known]
    assert kept.corrections[-1].dropped == (name.removeprefix("kept/"),)


def test_one_that_the_detector_judges_otherwise_cannot_become_one(
    taught: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its answer would be wrong from the first day: correct the detector first, or set the limits."""
    assert correct(taught, pictures / "2", "--limit-good", str(pictures / "stain.png")) == EXIT_NO
    assert "limit samples would be judged otherwise: kept/stain.png" in capsys.readouterr().out


def test_a_sample_goes_by_its_name_and_what_was_learnt_stays(
    agreed: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert correct(agreed, pictures / "3", "--defect", str(pictures / "spot.png") + SPOT) == EXIT_OK
    assert correct(pictures / "3", pictures / "4", "--drop-limit", "agreed good.png") == EXIT_OK
    three, four = open_package(pictures / "3" / "package"), open_package(pictures / "4" / "package")
    before, after = taught_memory(three), taught_memory(four)
    assert [one.name for one in after.known] == ["agreed bad.png", "spot.png"]
    assert set(before.vetoes.parts) == {2}
    assert set(after.vetoes.parts) == {1}, "the exemplars are still of the spot"
    assert four.model_digest == three.model_digest
    assert before.known[0].file not in four.manifest.files
    plain = _put(pictures / "new one.png", made.good(133))
    assert correct(pictures / "4", pictures / "5", "--limit-good", str(plain)) == EXIT_OK
    five = taught_memory(open_package(pictures / "5" / "package"))
    assert len({one.file for one in five.known}) == len(five.known) == 3
    capsys.readouterr()
    assert correct(pictures / "5", pictures / "6", "--drop-limit", "spot.png") == EXIT_USAGE
    assert "known: agreed bad.png, new one.png" in capsys.readouterr().err


def test_a_replay_says_no_when_one_flips(agreed: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learning", "replay", str(agreed), "--json"]) == EXIT_OK
    assert told(capsys)["samples"] == 2
    blind = stop_all(agreed / "recipe.json", pictures / "blind.json", unsure_from=9.0, ng_from=9.5)
    assert main(["learning", "replay", str(agreed), "--recipe", str(blind), "--json"]) == EXIT_NO
    assert told(capsys)["flipped"] == ["kept/agreed bad.png"]
    assert main(["learning", "replay", str(agreed), "--recipe", str(blind)]) == EXIT_NO
    assert "limit samples: 1 of 2 get their answer" in capsys.readouterr().out


def test_the_report_tells_what_both_limits_mean_for_known_defects(
    taught: Path, pictures: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An outlier called good must not lift anything over a defect unseen: both limits stand side by side."""
    words = ["--good", str(pictures / "stain.png"), "--labelled", str(labelled), "--json"]
    assert correct(taught, pictures / "2", *words) == EXIT_NO
    limits = told(capsys)["limits"]
    assert limits["after"]["escaping"] == ["stain/1.png"]
    assert (limits["after"]["escapes"], limits["after"]["good"]) == (1, 16)
    marked = {limits[end]["unsure_from"] for end in ("before", "after")}
    assert marked <= {row["unsure_from"] for row in limits["table"]}
    assert [row["escapes"] for row in limits["table"]] == sorted(row["escapes"] for row in limits["table"])
    assert correct(taught, pictures / "2", *words[:-1]) == EXIT_NO
    assert "known defects pass" in capsys.readouterr().out
