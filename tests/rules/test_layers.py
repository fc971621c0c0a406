"""Imports go down only: import-linter's contracts (pyproject.toml), kept here and broken on purpose there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SERVICES = ("apps", "learning", "panel", "line", "capture", "inference", "recorder")
_BELOW = ("bus", "store", "settings", "domain")
_MODULES = ("cli", "service", "clock", "log", "errors")

_DOWN = "Imports go down only"
_NEVER = "edge never imports calibration, models or tests"

# Where a forbidden import is put, the import, the contract that must notice it, and how it must name it.
_VIOLATIONS = {
    "up": ("domain/part.py", "from edge.bus import sockets", _DOWN, "edge.domain.part -> edge.bus.sockets"),
    "in a function": ("errors.py", "def f():\n    import edge.clock", _DOWN, "edge.errors -> edge.clock"),
    "siblings": ("line/io.py", "import edge.capture.camera", _DOWN, "edge.line.io -> edge.capture.camera"),
    "base siblings": ("clock.py", "import edge.log", _DOWN, "edge.clock -> edge.log"),
    "stores and bus": ("store/images.py", "import edge.bus.ring", _DOWN, "edge.store.images -> edge.bus.ring"),
    "jobs and panel": ("learning/jobs.py", "import edge.panel.app", _DOWN, "edge.learning.jobs -> edge.panel.app"),
    "panel": (
        "panel/live.py",
        "from edge.inference import pipeline",
        "The panel does not import inference",
        "edge.panel.live -> edge.inference.pipeline",
    ),
    "calibration": ("apps/run.py", "import calibration.lens", _NEVER, "edge.apps.run -> calibration"),
    "models": ("learning/teach.py", "from models.tools import build", _NEVER, "edge.learning.teach -> models"),
    "zmq": ("line/service.py", "import zmq.asyncio", "Only edge.bus imports zmq", "edge.line.service -> zmq"),
    "sqlite3": (
        "recorder/follow.py",
        "from sqlite3 import connect",
        "Only edge.store imports sqlite3",
        "edge.recorder.follow -> sqlite3",
    ),
    "onnxruntime": (
        "inference/decode.py",
        "import onnxruntime",
        "Only edge.inference.session imports onnxruntime",
        "edge.inference.decode -> onnxruntime",
    ),
}

_ALLOWED = {
    "bus/sockets.py": "import zmq\nimport edge.domain.frame",
    "store/ledger.py": "import sqlite3",
    "inference/session.py": "import onnxruntime",
    "panel/app.py": "from edge.store import ledger\nimport edge.line.modes",
    "line/modes.py": "",
    "domain/frame.py": "import edge.clock",
    "cli.py": "def main():\n    import edge.apps",
}


def test_the_contracts_are_kept(root: Path) -> None:
    output = _lint(root)
    assert "0 broken" in output, output


def test_what_the_design_allows_passes(root: Path, tmp_path: Path) -> None:
    output = _lint(_house(root, tmp_path, _ALLOWED))
    assert "0 broken" in output, output


@pytest.fixture(scope="module")
def report(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Contract name -> what import-linter says of a house with every violation in it."""
    files = {path: source for path, source, _, _ in _VIOLATIONS.values()}
    assert len(files) == len(_VIOLATIONS)
    output = _lint(_house(root, tmp_path_factory.mktemp("house"), files))
    sections = re.split(r"^(.+)\n-+\n", output, flags=re.MULTILINE)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


@pytest.mark.parametrize("name", _VIOLATIONS)
def test_a_violation_breaks_its_contract(report: dict[str, str], name: str) -> None:
    _, _, contract, words = _VIOLATIONS[name]
    assert words in report[contract]


def test_a_part_without_a_layer_breaks_the_contract(root: Path, tmp_path: Path) -> None:
    output = _lint(_house(root, tmp_path, {"extras/__init__.py": ""}))
    assert "Imports go down only BROKEN" in output
    assert "extras" in output


def _house(root: Path, folder: Path, files: dict[str, str]) -> Path:
    """A made-up `edge` of empty layers and `files`, under the repository's own contracts."""
    shutil.copy(root / "pyproject.toml", folder)
    packages = [f"{name}/__init__" for name in (*_SERVICES, *_BELOW)]
    targets = ("bus/sockets", "bus/ring", "capture/camera", "inference/pipeline", "panel/app", "store/ledger")
    empty = {f"{name}.py": "" for name in ("__init__", *packages, *_MODULES, *targets)}
    for path, source in {**empty, **files}.items():
        _write(folder / "edge" / path, source)
    return folder


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


def _lint(folder: Path) -> str:
    """import-linter's report on `folder`; in a process of its own, since it imports from the working folder."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo", "--config", folder / "pyproject.toml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
