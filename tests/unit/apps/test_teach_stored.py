"""Teaching from parts that the line has judged and the recorder has kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.domain import recipe as recipes
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE, StoreError
from edge.learning.backbone import FAST
from edge.learning.stored_good import Choice, StoredGood, opened_books, stored_good
from edge.learning.teach_record import Origin, camera_text, teach_record
from edge.settings import station as stations
from edge.store.packages import open_package
from tests.unit.apps.stored_site import REGION, StoredSite, stored_site
from tests.unit.learning import made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[StoredSite]:
    """Rows 1 to 18: good parts, the even ones kept; 14 is said to be bad. 19: NG, said to be good. 20: no production.

    21 and 22: another lot, one of them kept without loss."""
    with stored_site(tmp_path) as site:
        for n in range(1, 19):
            site.part(made.good(n) if n % 2 == 0 else None)
        site.label(14, Verdict.NG)
        site.label(site.part(made.scratched(60), Verdict.NG), Verdict.OK)
        site.part(made.good(20), purpose=Purpose.SETUP)
        site.part(made.good(21), lot="L2")
        site.part(made.good(22), lot="L2", ending=".png")
        yield site


def good_of(site: StoredSite, choice: Choice) -> StoredGood:
    station = stations.load(site.file)
    with opened_books(station) as books:
        return stored_good(books, station.camera_named("top"), choice)


def rows_of(site: StoredSite, choice: Choice) -> list[int]:
    return [one.part.n for one in good_of(site, choice).pictures]


def test_which_parts_are_taken(site: StoredSite) -> None:
    kept = [2, 4, 6, 8, 10, 12, 16, 18]
    assert rows_of(site, Choice()) == [*kept, 21, 22]
    assert rows_of(site, Choice(last=3)) == [18, 21, 22]
    assert rows_of(site, Choice(lot="L1")) == kept
    assert rows_of(site, Choice(lot="L9")) == []
    assert rows_of(site, Choice(confirmed=True)) == [19]
    site.label(19, Verdict.UNSURE)  # the last word holds
    site.label(20, Verdict.OK)
    assert rows_of(site, Choice(confirmed=True)) == [20]
    found = good_of(site, Choice())
    assert (found.looked_at, found.unkept, found.doubted, found.other_size) == (19, 9, 1, 0)
    assert [one.lossy for one in found.pictures] == [True] * 9 + [False]


def test_pictures_of_the_camera_before_are_left_out_and_told(
    site: StoredSite, capsys: pytest.CaptureFixture[str]
) -> None:
    text = site.file.read_text()
    site.file.write_text(text.replace("width = 160", "width = 200"))
    wide = [site.part(np.asarray(cv2.resize(made.good(n), (200, 128)), np.uint8)) for n in range(2)]
    assert rows_of(site, Choice()) == wide
    assert good_of(site, Choice()).other_size == 10
    assert teach(site) == EXIT_ERROR
    assert "2 pictures are kept of 21 parts" in capsys.readouterr().err


def test_evidence_of_another_ledger_is_refused(site: StoredSite) -> None:
    site.evidence.follow("another")
    with pytest.raises(StoreError, match="another ledger"):
        rows_of(site, Choice())


def teach(site: StoredSite, *words: str) -> int:
    quick = ["--backbone", FAST, "--size", "96"]
    return main(["teach", "--name", "plate", "--station", str(site.file), *quick, *words])


def test_a_model_of_the_stations_own_parts(site: StoredSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert teach(site, "--json") == EXIT_OK
    out = site.data / "taught" / "plate@1"
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["package"] == str(out / "package")
    assert (report["pictures"], report["lossy"]) == (10, 9)
    assert report["notes"][0] == "10 kept pictures of 19 good parts"
    assert report["notes"][1] == "1 parts that the line called OK and a person did not were left out"
    assert report["notes"][2].startswith("9 pictures are JPEGs")
    assert "9 pictures are JPEGs" in (out / "package" / "CARD.md").read_text()
    package = open_package(out / "package")
    record = teach_record(package)
    assert record is not None
    assert [(one.name, one.part, one.origin) for one in record.pictures[-1:]] == [("s1/1/22", "s1/1/22", Origin.PART)]
    assert record.choices.calibration == "top@2"
    assert record.choices.camera_settings == camera_text(stations.load(site.file).camera_named("top"))
    new = recipes.load((out / "recipe.json").read_bytes())
    assert (new.product, new.gate.travel, len(new.rules)) == ("plates", 432, 1)  # as the recipe of the line has them
    view = new.views[0]
    assert (view.not_before_ms, view.checks[0].region, view.checks[0].model) == (-5.0, REGION, "plate@1")

    assert teach(site, "--lot", "L1", "--again", str(out), "--leave-out", "s1/1/22", "--json") == EXIT_OK
    again = json.loads(capsys.readouterr().out)
    assert again["package"] == str(site.data / "taught" / "plate@2" / "package")
    assert (again["pictures"], again["left_out"]) == (9, ["s1/1/22"])
    assert open_package(Path(again["package"])).manifest.version == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--confirmed",), EXIT_ERROR, "1 pictures are kept of 1 parts that a person called OK"),
        (("--lot", "L2"), EXIT_ERROR, "2 pictures are kept of 2 parts that the line judged OK in lot L2"),
        (("--recipe", "plate@7"), EXIT_ERROR, "there is no recipe plate@7"),
        (("--recipe", "nowhere.json"), EXIT_USAGE, "nowhere.json cannot be read"),
        (("--recipe", "plate@x"), EXIT_USAGE, "names no version"),
        (("--camera", "side"), EXIT_ERROR, "has no view of camera 'side'"),
        (("--last", "99999"), EXIT_USAGE, ""),
        (("--live", "--by", ""), EXIT_USAGE, "who asks"),
        (("--live", "--by", "An", "--count", "2"), EXIT_USAGE, "--count 2 cannot be"),
        (("--live", "--by", "An", "--minutes", "31"), EXIT_USAGE, "--minutes 31 cannot be"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(
    site: StoredSite, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    assert teach(site, *words) == code
    assert said in capsys.readouterr().err
    assert not (site.data / "taught").exists()


def test_a_part_whose_picture_has_gone_since_is_named(site: StoredSite, capsys: pytest.CaptureFixture[str]) -> None:
    (site.data / "images" / "16.jpg").unlink()
    assert teach(site) == EXIT_ERROR
    assert "16.jpg cannot be read as a picture" in capsys.readouterr().err
    assert not (site.data / "taught").exists()
