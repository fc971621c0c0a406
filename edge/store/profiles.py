"""Calibration profiles on the disk: `profiles_dir/NAME@VERSION/`, with profile.json and the pictures it names.

A profile appears whole or not at all and is never changed. Whoever opens one checks every byte of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge.domain.calibration import MAX_PROFILE_BYTES, Profile, dump_profile, load_profile
from edge.domain.part import check_name
from edge.errors import CalibrationError, StoreError
from edge.store.atomic import new_folder

PROFILE = "profile.json"
FLAT, DARK = "flat.png", "dark.png"
MAX_PICTURE_BYTES = 200_000_000
_TRIES = 20  # another writer may take the same version between looking and writing
_NAMED = re.compile(r"(.+)@([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    """pictures: the files that the profile names, checked."""

    profile: Profile
    folder: Path
    pictures: Mapping[str, Path]


def save_profile(profiles_dir: Path, draft: Profile, pictures: Mapping[str, bytes] | None = None) -> StoredProfile:
    """Write the draft as the next version of its name; its own version counts for nothing.

    pictures: file name -> content, as `draft.flat` says. StoreError or StoreFull: nothing is left behind.
    """
    for _ in range(_TRIES):
        profile = replace(draft, version=1 + max(versions(profiles_dir, draft.name), default=0))
        folder = profiles_dir / profile.reference
        try:
            with new_folder(folder) as unfinished:
                for name, content in (pictures or {}).items():
                    (unfinished / name).write_bytes(content)
                (unfinished / PROFILE).write_bytes(dump_profile(profile))
        except FileExistsError as error:
            if not folder.exists():
                raise StoreError(f"{profiles_dir} is no folder", hint="give --profiles another place") from error
            continue
        return open_profile(folder)
    raise CalibrationError(f"no free version of {draft.name} was found", hint="try again")


def open_profile(folder: Path) -> StoredProfile:
    """The profile in this folder. CalibrationError when it is damaged or not there."""
    try:
        with (folder / PROFILE).open("rb") as file:
            profile = load_profile(file.read(MAX_PROFILE_BYTES + 1))
    except OSError as error:
        hint = "give the folder NAME@VERSION that edge calibrate wrote"
        raise CalibrationError(f"there is no calibration profile {folder}: {error.strerror}", hint=hint) from error
    return StoredProfile(profile=profile, folder=folder, pictures=_pictures(folder, profile))


def find_profile(profiles_dir: Path, reference: str) -> StoredProfile:
    """NAME@VERSION, or NAME for its newest version. CalibrationError when it is not there."""
    found = _NAMED.fullmatch(reference)
    name = found.group(1) if found else reference
    check_name(name, "calibration profile")
    version = int(found.group(2)) if found else max(versions(profiles_dir, name), default=0)
    folder = profiles_dir / f"{name}@{version}"
    if not folder.is_dir():
        known = ", ".join(sorted(one.name for one in profiles_dir.glob("*@*"))[:10]) or "none"
        raise CalibrationError(f"there is no calibration {reference}", hint=f"known: {known}")
    stored = open_profile(folder)
    if stored.profile.reference != folder.name:
        raise CalibrationError(f"{folder} holds {stored.profile.reference}", hint="restore it from a backup")
    return stored


def versions(profiles_dir: Path, name: str) -> list[int]:
    """Of that profile, in no order."""
    if not profiles_dir.is_dir():
        return []
    found = (_NAMED.fullmatch(entry.name) for entry in profiles_dir.iterdir())
    return [int(each.group(2)) for each in found if each and each.group(1) == name]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _pictures(folder: Path, profile: Profile) -> dict[str, Path]:
    flat = profile.flat
    if flat is None:
        return {}
    wanted = {FLAT: flat.flat_sha256} | ({DARK: flat.dark_sha256} if flat.dark_sha256 else {})
    for name, digest in wanted.items():
        path = folder / name
        if not path.is_file() or path.is_symlink() or path.stat().st_size > MAX_PICTURE_BYTES:
            raise CalibrationError(f"{profile.reference}: {name} is missing", hint="calibrate the flat field again")
        if sha256(path.read_bytes()) != digest:
            raise CalibrationError(f"{profile.reference}: {name} was changed", hint="calibrate the flat field again")
    return {name: folder / name for name in wanted}
