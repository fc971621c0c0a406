"""requirements/*.txt lock everything with hashes, name no host, and fit pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("run", "dev")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_OPENCV = {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}
_NEVER = {"torch", "torchvision", "tensorflow", "timm", "onnxruntime-gpu"}


def faults(text: str) -> list[str]:
    """What is wrong with a lock by itself."""
    found = ["a host or an option is named"] if re.search(r"://|^\s*-(?!-hash)|@ ", text, re.MULTILINE) else []
    for entry in _entries(text):
        if not re.match(r"[A-Za-z0-9._-]+==[^\s;]+", entry):
            found.append(f"not one exact version: {entry[:60]}")
        if not _HASH.search(entry):
            found.append(f"no hash: {entry[:60]}")
    return found


def pins(text: str) -> dict[str, list[Requirement]]:
    """Name -> its pins; more than one when the version depends on the interpreter or the machine."""
    found: dict[str, list[Requirement]] = defaultdict(list)
    for entry in _entries(text):
        requirement = Requirement(_HASH.sub("", entry).strip())
        found[canonicalize_name(requirement.name)].append(requirement)
    return found


def _entries(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def _version(pin: Requirement) -> str:
    return next(iter(pin.specifier)).version


def _wanted(project: dict[str, Any], lock: str) -> list[Requirement]:
    groups = project["dependency-groups"]
    extra = groups["build"] + [line for line in groups["dev"] if isinstance(line, str)] * (lock == "dev")
    return [Requirement(line) for line in project["project"]["dependencies"] + extra]


@pytest.fixture(scope="module")
def texts(root: Path) -> dict[str, str]:
    return {name: (root / f"requirements/{name}.txt").read_text() for name in LOCKS}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_one_version_with_hashes_and_no_host(texts: dict[str, str], name: str) -> None:
    assert faults(texts[name]) == []


@pytest.mark.parametrize("name", LOCKS)
def test_one_opencv_and_no_torch(texts: dict[str, str], name: str) -> None:
    names = set(pins(texts[name]))
    assert names & _OPENCV == {"opencv-python"}
    assert names & _NEVER == set()
    assert [item for item in names if item.startswith("nvidia-")] == []


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_satisfies_the_project(texts: dict[str, str], project: dict[str, Any], name: str) -> None:
    locked = pins(texts[name])
    missing = [
        str(wanted)
        for wanted in _wanted(project, name)
        if not (found := locked.get(canonicalize_name(wanted.name)))
        or not all(wanted.specifier.contains(_version(pin), prereleases=True) for pin in found)
    ]
    assert missing == [], "run `make lock`"


def test_the_development_lock_holds_the_product_s(texts: dict[str, str]) -> None:
    run, dev = ({name: sorted(map(_version, found)) for name, found in pins(texts[lock]).items()} for lock in LOCKS)
    assert {name: versions for name, versions in run.items() if dev.get(name) != versions} == {}


def test_there_is_one_lock_only(root: Path) -> None:
    others = ("uv.lock", "poetry.lock", "Pipfile.lock", "pylock.toml", "requirements.txt")
    assert [name for name in others if (root / name).exists()] == []


@pytest.mark.parametrize(
    "line",
    ["numpy==2.0", "numpy>=2.0 --hash=sha256:" + "a" * 64, "--index-url x\n", "numpy @ file:///x", "-e ."],
)
def test_a_bad_line_is_found(line: str) -> None:
    good = "numpy==2.0 ; python_full_version < '3.12' \\\n    --hash=sha256:" + "a" * 64
    assert faults(good) == []
    assert faults(f"{good}\n{line}\n") != []
