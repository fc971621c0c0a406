"""Kept raw pictures: called by their bytes, found, missed or known as altered; carried without another copy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.learning.kept_pictures import Wanted, absent, carry, gather, keep, kept

ONE, TWO, THREE = b"one", b"two", b"three"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wanted(*contents: bytes) -> list[Wanted]:
    return [Wanted(name=data.decode(), sha256=digest(data)) for data in contents]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """ONE and an altered TWO."""
    given = tmp_path / "given.PNG"
    given.write_bytes(ONE)
    keep([given], tmp_path / "pictures")
    (tmp_path / "pictures" / f"{digest(TWO)}.jpg").write_bytes(b"2")
    return tmp_path / "pictures"


def test_each_is_found_missing_or_altered(folder: Path) -> None:
    found = gather(folder, wanted(ONE, TWO, THREE))
    assert found.found == {digest(ONE): folder / f"{digest(ONE)}.png"}
    assert (found.missing, found.altered, found.lacking) == (("three",), ("two",), ("three", "two"))
    assert absent(folder, wanted(ONE, TWO, THREE)) == ("three",)


@pytest.mark.parametrize("place", [None, Path("gone")])
def test_without_a_folder_all_are_missing(place: Path | None) -> None:
    assert gather(place, wanted(ONE)).missing == ("one",)
    assert absent(place, wanted(ONE)) == ("one",)
    assert kept(place) == []


def test_what_is_carried_on_takes_no_room(folder: Path, tmp_path: Path) -> None:
    carry(kept(folder), tmp_path / "next")
    carry(kept(folder), tmp_path / "next")  # again is fine
    assert {path.name for path in (tmp_path / "next").iterdir()} == {path.name for path in folder.iterdir()}
    name = f"{digest(ONE)}.png"
    assert (tmp_path / "next" / name).samefile(folder / name)


def test_a_link_is_no_kept_picture(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(THREE)
    (folder / f"{digest(THREE)}.png").symlink_to(tmp_path / "elsewhere")
    assert gather(folder, wanted(THREE)).missing == ("three",)
