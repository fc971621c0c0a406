"""What is installed is what is here: the wheel carries the panel's pages and the model packages, and finds them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_BUILT_FROM = ("edge", "models", "pyproject.toml", "README.md", "LICENSE")
_DATA = "edge-{version}.data/data/share/edge/"
_PANEL = ("templates", "static", "locale")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment or None, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without what was built before: setuptools would take an old build folder into the wheel."""
    folder = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in _BUILT_FROM:
        place = root / name
        if place.is_dir():
            shutil.copytree(place, folder / name, ignore=ignore)
        else:
            shutil.copy(place, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", folder, ".", cwd=source)
    (built,) = folder.glob("edge-*.whl")
    return built


@pytest.fixture(scope="module")
def shipped(wheel: Path) -> set[str]:
    """Names in the wheel; model packages as `models/...`."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    prefix = _DATA.format(version=wheel.name.split("-")[1])
    return {name.removeprefix(prefix) for name in names}


def test_every_file_of_the_model_packages_is_in_it(source: Path, shipped: set[str]) -> None:
    """Missing: say the folder under [tool.setuptools.data-files] in pyproject.toml."""
    here = {
        path.relative_to(source).as_posix()
        for kind in ("backbone", "demo")
        for path in (source / "models" / kind).rglob("*")
        if path.is_file()
    }
    assert here - shipped == set()
    assert "models/backbone/efficientnet-lite0/model.onnx" in here


def test_every_page_script_and_word_of_the_panel_is_in_it(source: Path, shipped: set[str]) -> None:
    panel = source / "edge/panel"
    here = {
        path.relative_to(source).as_posix() for name in _PANEL for path in (panel / name).rglob("*") if path.is_file()
    }
    assert here - shipped == set()


def test_every_module_is_in_it_and_no_test(source: Path, shipped: set[str]) -> None:
    modules = {path.relative_to(source).as_posix() for path in (source / "edge").rglob("*.py")}
    assert modules - shipped == set()
    assert not any(name.startswith("tests") for name in shipped)


def test_an_installed_tree_finds_its_models_and_its_command(wheel: Path, tmp_path: Path) -> None:
    """Installed as on a device; only the libraries are those of this environment."""
    place = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=tmp_path)
    python = place / "bin/python"
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=tmp_path)
    libraries = next(path for path in sys.path if Path(path).name == "site-packages")
    script = "import edge; from edge.apps.demo.station import demo_models; print(edge.__file__); print(demo_models())"
    found = run(python, "-c", script, cwd=tmp_path, PYTHONPATH=libraries).split()
    assert [Path(path).is_relative_to(place) for path in found] == [True, True]
    assert run(place / "bin/edge", "--version", cwd=tmp_path, PYTHONPATH=libraries).startswith("edge ")
