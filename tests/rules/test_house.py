"""The rules of the house (tests/rules/house.py) on every file, and each rule on code that breaks it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.rules import house

_BROKEN = {
    "bare except": ("edge/line/gate.py", "try:\n    f()\nexcept:\n    pass\n", "everything is caught"),
    "except Exception": ("edge/bus/wire.py", "try:\n    f()\nexcept Exception:\n    raise\n", "everything is caught"),
    "among others": ("edge/a.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass\n", "everything is caught"),
    "BaseException": ("edge/a.py", "try:\n    f()\nexcept BaseException:\n    pass\n", "everything is caught"),
    "suppress": ("edge/a.py", "with contextlib.suppress(Exception):\n    f()\n", "everything is suppressed"),
    "too long": ("edge/a.py", "x = 1\n" * 401, "401 lines"),
    "file name": ("edge/line/utils.py", "", "utils says nothing"),
    "folder name": ("edge/common/a.py", "", "common says nothing"),
    "part of a name": ("edge/line/gate_helpers.py", "", "gate_helpers says nothing"),
    "class name": ("edge/a.py", "class RingManager: ...\n", "RingManager says nothing"),
    "pickle": ("edge/a.py", "def f():\n    import pickle\n", "pickle"),
    "pickle by name": ("models/tools/a.py", "from pickle import loads\n", "pickle"),
    "numpy's pickle": ("edge/a.py", "np.load(f, allow_pickle=True)\n", "allow_pickle"),
    "yaml": ("edge/a.py", "yaml.load(f)\n", "yaml.load"),
    "yaml by name": ("edge/a.py", "from yaml import load\n", "yaml.load"),
    "eval": ("edge/a.py", "eval('1')\n", "eval"),
    "exec": ("edge/a.py", "exec('1')\n", "exec"),
    "shell": ("edge/a.py", "subprocess.run('ls', shell=True)\n", "shell=True"),
    "shell by variable": ("edge/a.py", "subprocess.run('ls', shell=how)\n", "shell=how"),
    "system": ("edge/a.py", "os.system('ls')\n", "shell string"),
    "system by name": ("edge/a.py", "from os import system\n", "shell string"),
    "archive": ("edge/a.py", "archive.extractall(path)\n", "extractall"),
    "todo": ("edge/a.py", "x = 1  # TODO later\n", "unfinished"),
    "stub": ("edge/a.py", "def f():\n    raise NotImplementedError\n", "unfinished"),
    "print": ("edge/line/gate.py", "print('x')\n", "print"),
    "dynamic import": ("edge/a.py", "importlib.import_module('zmq')\n", "dynamic import"),
    "global": ("edge/a.py", "def f():\n    global x\n    x = 1\n", "global"),
    "torch": ("edge/a.py", "def f():\n    import torch.nn\n", "torch"),
    "eager vendor": ("edge/capture/picamera.py", "import picamera2\n", "only where it is used"),
    "eager vendor, tried": ("edge/line/gpio.py", "try:\n    import gpiod\nexcept ImportError:\n    x = 1\n", "gpiod"),
}

_FINE = {
    "boundary": ("edge/service.py", "try:\n    f()\nexcept Exception:\n    log()\n"),
    "clean up and go on failing": ("edge/a.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"),
    "the unpickler": ("models/tools/torch_weights.py", "import pickle\n"),
    "a program prints": ("edge/apps/bench.py", "print('x')\n"),
    "names that only look alike": (
        "edge/domain/commonality.py",
        "class Manages: ...\nmodel.eval()\nyaml.safe_load(f)\n",
    ),
    "lazy vendor": ("edge/capture/genicam.py", "def f():\n    from harvesters.core import Harvester\n"),
    "vendor's types": ("edge/a.py", "if TYPE_CHECKING:\n    import gpiod\n"),
    "shell off": ("edge/a.py", "subprocess.run(['ls'], shell=False)\nnp.load(f, allow_pickle=False)\n"),
}

_PLACES = ("/wo" + "rk/main/x", "cd /ro" + "ot/x", "https://py" + "pi.org/simple", "files.python" + "hosted.org")


@pytest.mark.parametrize("name", _BROKEN)
def test_a_broken_rule_is_found(name: str) -> None:
    path, source, words = _BROKEN[name]
    findings = house.check_python(path, source)
    assert any(words in finding for _, finding in findings), findings


@pytest.mark.parametrize("name", _FINE)
def test_what_is_fine_passes(name: str) -> None:
    assert house.check_python(*_FINE[name]) == []


@pytest.mark.parametrize("text", _PLACES)
def test_places_are_found(text: str) -> None:
    assert len(house.check_places(f"a\n{text}\n")) == 1


def test_the_code_keeps_the_rules(root: Path) -> None:
    files = house.product_files(root, ".py")
    assert files
    assert _report(root, {path: house.check_python(_name(root, path), path.read_text()) for path in files}) == ""


def test_pages_and_scripts_keep_the_rules(root: Path) -> None:
    files = house.product_files(root, ".js", ".css", ".html", ".sh")
    found = {
        path: house.check_name(_name(root, path)) + house.check_length(text) + house.check_text(text)
        for path in files
        for text in [path.read_text()]
    }
    assert _report(root, found) == ""


def test_one_vendor_one_file(root: Path) -> None:
    importers: dict[str, set[str]] = defaultdict(set)
    for path in house.product_files(root, ".py"):
        if not path.is_relative_to(root / "models"):
            for _, name in house.imported(ast.parse(path.read_text())):
                importers[name].add(_name(root, path))
    assert {name: files for name, files in importers.items() if name in house.VENDORS and len(files) > 1} == {}


def test_nothing_names_a_machine_or_a_registry(root: Path) -> None:
    found = {path: house.check_places(text) for path, text in _texts(root).items()}
    assert _report(root, found) == ""


def test_tests_are_skipped_for_nothing_but_shared_data_and_hardware(root: Path) -> None:
    skips = re.compile(
        r"^(?!.*\bshared\b).*(?:pytest\.(?:skip|xfail|importorskip)|mark\.(?:skip|skipif|xfail)|skipTest)\b"
    )
    files = {path for path in (root / "tests").rglob("*.py") if path.relative_to(root).parts[1] != "contract"}
    lines = [(path, line) for path in sorted(files - {Path(__file__)}) for line in path.read_text().splitlines()]
    assert [f"{path.name}: {line}" for path, line in lines if skips.search(line)] == []


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _report(root: Path, found: dict[Path, list[house.Finding]]) -> str:
    return "\n".join(f"{_name(root, path)}:{line}: {words}" for path, lines in found.items() for line, words in lines)


def _texts(root: Path) -> dict[Path, str]:
    """Every file that is or will be tracked, if it is text."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    contents = {root / name: (root / name).read_bytes() for name in names if name and (root / name).is_file()}
    return {path: data.decode(errors="replace") for path, data in contents.items() if b"\0" not in data[:8192]}
