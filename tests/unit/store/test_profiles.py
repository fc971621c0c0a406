"""Calibration profiles appear whole or not at all, in versions, and are checked when they are opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.domain.calibration import Flat, Lens, LensKind, Plane, Profile
from edge.errors import CalibrationError, StoreError, UsageError
from edge.store.profiles import FLAT, find_profile, open_profile, save_profile, sha256

LENS = Lens(
    kind=LensKind.PINHOLE, fx=900, fy=901, cx=400, cy=300, distortion=(-0.2, 0.1, 0, 0, 0), rms_px=0.2,
    heldback_rms_px=0.25, focal_sd_px=(0.5, 0.5), centre_sd_px=(0.7, 0.7), views=12,
)  # fmt: skip
PLANE = Plane(to_mm=(0.1, 0, 0, 0, 0.1, 0, 0, 0, 1), px_per_mm=10, rms_mm=0.02, max_mm=0.05)


def draft(**more: object) -> Profile:
    known: dict[str, object] = {
        "name": "top", "version": 1, "width": 800, "height": 600, "by": "Lan", "reason": "new lens",
        "made_at": "2026-11-28T12:00:00+07:00", "lens": LENS, "plane": PLANE,
    }  # fmt: skip
    return Profile(**{**known, **more})  # type: ignore[arg-type]


def test_versions_follow_each_other(tmp_path: Path) -> None:
    first, second = save_profile(tmp_path, draft()), save_profile(tmp_path, draft(reason="again"))
    assert (first.profile.reference, second.profile.reference) == ("top@1", "top@2")
    assert find_profile(tmp_path, "top").profile == second.profile
    assert find_profile(tmp_path, "top@1").profile == first.profile
    assert open_profile(first.folder).profile.lens == LENS


def test_a_flat_field_goes_with_it(tmp_path: Path) -> None:
    flat = Flat(flat_sha256=sha256(b"picture"), unevenness=0.7, frames=5)
    stored = save_profile(tmp_path, draft(flat=flat), {FLAT: b"picture"})
    assert stored.pictures[FLAT].read_bytes() == b"picture"
    stored.pictures[FLAT].write_bytes(b"changed")
    with pytest.raises(CalibrationError, match="was changed"):
        find_profile(tmp_path, "top@1")
    stored.pictures[FLAT].unlink()
    with pytest.raises(CalibrationError, match="missing"):
        find_profile(tmp_path, "top@1")


def test_nothing_is_left_of_one_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("a file in the way")
    with pytest.raises(StoreError):
        save_profile(tmp_path / "profiles", draft())
    assert [one.name for one in tmp_path.iterdir()] == ["profiles"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 0}, "cannot be"),
        ({"format": 2}, "format 2"),
        ({"lens": {**json.loads(json.dumps({"kind": "pinhole"}))}}, "lens"),
        ({"colour": "red"}, "colour"),
        ({"name": "../top"}, "name"),
    ],
)
def test_damaged_profiles_are_refused(tmp_path: Path, change: dict[str, object], told: str) -> None:
    stored = save_profile(tmp_path, draft())
    file = stored.folder / "profile.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(CalibrationError, match=told):
        open_profile(stored.folder)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no calibration top") as error:
        find_profile(tmp_path, "top")
    assert "none" in error.value.hint
    with pytest.raises(UsageError):
        find_profile(tmp_path, "../etc")


def test_another_frame_size_is_refused() -> None:
    draft().check_frame(800, 600)
    with pytest.raises(CalibrationError, match="for 800 x 600 px, not 640 x 480") as error:
        draft().check_frame(640, 480)
    assert "calibrate again" in error.value.hint


@pytest.mark.parametrize("wrong", [{"fx": -1.0}, {"cx": float("nan")}, {"distortion": (0.0,) * 8}])
def test_lenses_that_cannot_be(wrong: dict[str, object]) -> None:
    known = {name: getattr(LENS, name) for name in LENS.__slots__}
    with pytest.raises(CalibrationError):
        Lens(**{**known, **wrong})  # type: ignore[arg-type]
