"""Each `edge calibrate` command: a request in, the answer as a JSON object out. A profile is written whole or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration import boards, flat, lens, plane, target, views
from calibration.boards import Board, Found, Missed
from calibration.pictures import Size, files_of, of_one_size, read_grey, read_one
from calibration.requests import (
    CheckRequest,
    FlatRequest,
    LensRequest,
    Saved,
    ScaleRequest,
    TargetRequest,
)
from calibration.views import Refusal, View
from edge.domain.calibration import Flat, Plane, Profile
from edge.errors import CalibrationError, UsageError
from edge.store.atomic import new_file
from edge.store.profiles import DARK, FLAT, StoredProfile, find_profile, save_profile, sha256

Step = Callable[[str, int, int], None]
Answer = dict[str, Any]


def calibrate_lens(request: LensRequest, now: datetime, step: Step) -> Answer:
    """See DESIGN, section 9. CalibrationError, and no profile, when the views do not do."""
    board, refused = request.target.made(), list[Refusal]()
    files = files_of(request.images)
    size, pictures = of_one_size(files, refused)
    seen: list[View] = []
    for number, (path, picture) in enumerate(pictures):
        step("looking", number, len(files))
        found = boards.find(board, picture)
        if isinstance(found, Missed):
            refused.append(Refusal(file=path.name, why=found.why))
        else:
            seen.append(View(name=path.name, found=found, blur_px=views.blur(board, found, picture)))
    if not seen:
        raise CalibrationError(
            f"the {board.words} was found in none of {len(files)} pictures", hint=_most_usual(refused)
        )
    taken, useless = views.chosen(board, seen, size)
    refused += useless
    step("solving", 0, 1)
    try:
        solved = lens.solve(board, taken, size, request.model)
    except CalibrationError as error:
        raise CalibrationError(error.message, hint=f"{error.hint}. {_named(refused)}") from error
    draft = _draft(request.saved, size, now)
    # Another lens bends the frame otherwise: what was known of the belt no longer holds.
    stored = _save(request.saved, replace(draft, lens=solved.lens, plane=None))
    used = {one.file for one in solved.views}
    covered = views.coverage([view for view in taken if view.name in used], size, solved.tilts_deg)
    return {
        "rms_px": solved.lens.rms_px,
        "heldback_rms_px": solved.lens.heldback_rms_px,
        "views_found": len(seen),
        "views_used": len(solved.views),
        "views_total": len(files),
        "refused": [asdict(one) for one in (*refused, *solved.refused)],
        "views": [asdict(one) for one in solved.views],
        "missing": list(covered.missing),
        "coverage": {"grid": covered.grid, "cells": list(covered.cells), "share": round(covered.share, 3)},
        "coefficients": solved.coefficients,
        "advice": list(solved.advice),
        "lens": asdict(solved.lens),
        "profile": str(stored.folder),
    }


def calibrate_scale(request: ScaleRequest, now: datetime, step: Step) -> Answer:
    step("looking", 0, 1)
    board = request.target.made()
    found, size = _found(board, request.image)
    draft = _draft(request.saved, size, now)
    scaled = plane.scale(board, found, draft.lens, size)
    stored = _save(request.saved, replace(draft, plane=scaled.plane))
    advice = [] if draft.lens else ["without a lens, straight lines are taken for granted: edge calibrate lens first"]
    return {
        "px_per_mm": round(scaled.plane.px_per_mm, 5),
        "rms_mm": scaled.plane.rms_mm,
        "max_mm": scaled.plane.max_mm,
        "corners_mm": list(scaled.corners_mm),
        "share": round(scaled.share, 3),
        "advice": advice,
        "profile": str(stored.folder),
    }


def check(request: CheckRequest, step: Step) -> Answer:
    """`ok` is False when the length is off by more than the tolerance."""
    step("looking", 0, 1)
    profile = find_profile(request.profiles, request.profile).profile
    if profile.plane is None:
        raise CalibrationError(f"{profile.reference} knows no millimetres", hint="edge calibrate scale first")
    if (request.target is None) == (request.between is None) or (request.between and request.expect_mm is None):
        raise UsageError("give a board, or two places and the length between them", hint="--from, --to and --expect-mm")
    if request.target is not None:
        board = request.target.made()
        found, size = _found(board, request.image)
        profile.check_frame(*size)
        return _checked(_squares(board, found, profile, profile.plane), request.tolerance_mm)
    assert request.between is not None
    assert request.expect_mm is not None
    picture = read_one(request.image, 1)
    profile.check_frame(picture.shape[1], picture.shape[0])
    a, b = plane.to_mm(profile.plane, plane.straight(profile.lens, np.array(request.between)))
    measured = float(np.linalg.norm(a - b))
    return _checked({"measured_mm": measured, "expected_mm": request.expect_mm}, request.tolerance_mm)


def calibrate_flat(request: FlatRequest, now: datetime, step: Step) -> Answer:
    files, dark = files_of(request.images), files_of(request.dark) if request.dark else []
    step("looking", 0, 1)
    made = flat.flat_field(_frames(files), _frames(dark))
    size = (made.gain.shape[1], made.gain.shape[0])
    draft = _draft(request.saved, size, now)
    pictures = {FLAT: _png(made.gain)} | ({DARK: _png(made.dark)} if made.dark is not None else {})
    known = Flat(
        flat_sha256=sha256(pictures[FLAT]),
        dark_sha256=sha256(pictures[DARK]) if DARK in pictures else "",
        unevenness=made.unevenness,
        frames=made.frames,
    )
    stored = _save(request.saved, replace(draft, flat=known), pictures)
    return {"unevenness": made.unevenness, "frames": made.frames, "dark": len(dark), "profile": str(stored.folder)}


def make_target(request: TargetRequest) -> Answer:
    page = target.sheet(request.target.made())
    content = target.svg(page).encode() if request.form == "svg" else target.pdf(page)
    if not request.out.parent.is_dir():
        raise UsageError(f"there is no folder {request.out.parent}", hint="make it, or choose another --out")
    with new_file(request.out) as file:
        file.write_bytes(content)
    return {"file": str(request.out), "width_mm": round(page.width, 3), "height_mm": round(page.height, 3)}


def _draft(saved: Saved, size: Size, now: datetime) -> Profile:
    """What is known so far, with who, why and when; for frames of that size."""
    made_at = now.isoformat(timespec="seconds")
    fresh = Profile(
        name=saved.name, version=1, width=size[0], height=size[1], by=saved.by, reason=saved.reason, made_at=made_at
    )
    if not saved.start_from:
        return fresh
    old = find_profile(saved.profiles, saved.start_from).profile
    old.check_frame(*size)
    parent = old.version if old.name == saved.name else 0
    return replace(fresh, parent=parent, lens=old.lens, plane=old.plane, flat=old.flat)


def _save(saved: Saved, draft: Profile, pictures: dict[str, bytes] | None = None) -> StoredProfile:
    """With the pictures of the profile that it goes on from, when it brings none of its own."""
    if pictures is None and draft.flat is not None:
        kept = find_profile(saved.profiles, saved.start_from).pictures
        pictures = {name: path.read_bytes() for name, path in kept.items()}
    return save_profile(saved.profiles, draft, pictures)


def _found(board: Board, image: Path) -> tuple[Found, Size]:
    picture = read_grey(image)
    if picture is None:
        raise CalibrationError(f"{image} cannot be read as a picture", hint="take it again")
    found = boards.find(board, picture)
    if isinstance(found, Missed):
        raise CalibrationError(f"{image.name}: {found.why}", hint="see edge calibrate target for boards to print")
    return found, (picture.shape[1], picture.shape[0])


def _squares(board: Board, found: Found, profile: Profile, belt: Plane) -> Answer:
    """Every pair of points that are far apart says how long that is; the mean ratio gives the length of a square."""
    nominal = board.points_mm[found.ids, :2].astype(np.float64)
    measured = plane.to_mm(belt, plane.straight(profile.lens, found.pixels))
    middle = np.linalg.norm(nominal - nominal.mean(axis=0), axis=1)
    far = np.linalg.norm(measured - measured.mean(axis=0), axis=1)
    ratio = float((middle @ far) / (middle @ middle))
    longest = float(np.linalg.norm(np.ptp(nominal, axis=0)))
    return {"measured_mm": longest * ratio, "expected_mm": longest, "scale_error": ratio - 1}


def _checked(found: Answer, tolerance_mm: float) -> Answer:
    error = found["measured_mm"] - found["expected_mm"]
    rounded = {name: round(float(value), 6) for name, value in found.items()}
    return {**rounded, "error_mm": round(error, 5), "tolerance_mm": tolerance_mm, "ok": abs(error) <= tolerance_mm}


def _frames(files: list[Path]) -> list[tuple[str, np.ndarray]]:
    """Colour is kept, as each channel has a shading of its own."""
    return [(path.name, read_one(path, 3)) for path in files]


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def _most_usual(refused: list[Refusal]) -> str:
    reasons = [one.why for one in refused]
    return max(set(reasons), key=reasons.count) if reasons else "show the whole board"


def _named(refused: list[Refusal]) -> str:
    """The first few pictures that were left out, and why."""
    return "; ".join(f"{one.file}: {one.why}" for one in refused[:5])
