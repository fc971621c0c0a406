"""Known defects of a station beside what was taught: their scores, and what each limit would let pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.domain.verdict import Verdict
from edge.errors import EXIT_OK
from edge.learning.backbone import FAST
from tests.unit.apps.stored_site import StoredSite, recipe, stored_site
from tests.unit.learning import made

GOOD = 13  # fewer are seen again a little moved, which takes longer


@pytest.fixture
def site(tmp_path: Path) -> Iterator[StoredSite]:
    """Good parts; then one scratched and one that looks good, both called bad; one of another product called bad; one
    called bad whose picture is gone; and one of the same product that was judged by another recipe."""
    with stored_site(tmp_path) as site:
        for n in range(GOOD):
            site.part(made.good(n))
        site.label(site.part(made.scratched(60), Verdict.NG), Verdict.NG)
        site.label(site.part(made.good(61), Verdict.NG), Verdict.NG)
        other = site.store.add_recipe(replace(recipe(), name="disc", product="discs"))
        site.label(site.part(made.scratched(62), Verdict.NG, recipe=other), Verdict.NG)
        site.label(site.part(None, Verdict.NG), Verdict.NG)
        same = site.store.add_recipe(replace(recipe(), name="plate-b"))  # of the same product
        site.label(site.part(made.scratched(63), Verdict.NG, recipe=same), Verdict.NG)
        yield site


def taught(site: StoredSite, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    quick = ["--backbone", FAST, "--size", "96"]
    assert main(["teach", *words, "--name", "plate", "--station", str(site.file), *quick, "--json"]) == EXIT_OK
    return json.loads(capsys.readouterr().out)


def test_they_are_judged_by_what_was_taught(site: StoredSite, capsys: pytest.CaptureFixture[str]) -> None:
    report = taught(site, capsys)
    scores = {one["name"].rpartition("/")[2]: one["score"] for one in report["defects"]}
    scratched, looks_good, again = (scores.pop(str(GOOD + n)) for n in (1, 2, 5))
    assert scores == {}
    assert min(scratched, again) > report["ng_from"]
    assert looks_good < report["unsure_from"]
    now = next(row for row in report["table"] if row["unsure_from"] == report["unsure_from"])
    assert (now["escapes"], now["defects"], now["good"]) == (1, 3, GOOD)
    limits = [row["unsure_from"] for row in report["table"]]
    assert limits == sorted(limits)
    assert min(row["escapes"] for row in report["table"]) == 0


def test_a_folder_of_pictures_knows_no_product(site: StoredSite, capsys: pytest.CaptureFixture[str]) -> None:
    report = taught(site, capsys, str(site.data / "images"))
    assert (report["defects"], report["table"]) == ([], [])
